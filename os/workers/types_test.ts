/** What the compiler says of calls: nothing is run here. */

import { assertEquals } from "@std/assert";
import type { AnyWorkerModule, Workers } from "./workers.ts";

type Functions = typeof import("./_fixtures/functions.ts");
type Is<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false;

Deno.test("W: names, arguments and results are checked by the type of the module", () => {
  const checked = (workers: Workers<Functions>): true[] => {
    const sum = workers.call("add", 1, 2);
    const bytes = workers.call("bytes", 3);
    const squares = workers.stream("squares", 3);
    const waited = workers.call("report", 3, (n: number) => Promise.resolve(n));
    // @ts-expect-error -- no such function
    workers.call("nope");
    // @ts-expect-error -- a wrong argument
    workers.call("add", 1, "2");
    // @ts-expect-error -- an argument too few
    workers.call("add", 1);
    // @ts-expect-error -- no function
    workers.call("constant");
    // @ts-expect-error -- a generator
    workers.call("squares", 3);
    // @ts-expect-error -- no generator
    workers.stream("add", 1, 2);
    const never = workers.call("fail", "text");
    // @ts-expect-error -- no generator either
    workers.stream("fail", "text");
    const are: [
      Is<typeof never, Promise<never>>,
      Is<typeof sum, Promise<number>>,
      Is<typeof bytes, Promise<Uint8Array>>,
      Is<typeof squares, AsyncIterableIterator<number>>,
      Is<typeof waited, Promise<number[]>>,
    ] = [true, true, true, true, true];
    return are;
  };
  const unchecked = (workers: Workers<AnyWorkerModule>): unknown => [
    workers.call("whatever", 1, "2"),
    workers.stream("whatever"),
  ];
  assertEquals([typeof checked, typeof unchecked], ["function", "function"]);
});
