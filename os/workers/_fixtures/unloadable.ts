// deno-lint-ignore-file trefoil/error-message -- what users throw
throw new RangeError("this module does not load");
