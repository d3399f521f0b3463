/**
 * A plugin for `deno lint` that sees what goes wrong with this library before it does: a wait that nobody awaits, a
 * `catch` that swallows a cancellation, cleanup that a cancelled scope refuses.
 *
 * ```json
 * { "lint": { "plugins": ["jsr:@trefoil/io/lint"] } }
 * ```
 *
 * It looks at files that import the library, one at a time; it needs no permission, reads no file, and imports nothing
 * of the library. Each rule is explained in `docs/lint.md`. Matters of taste are in `@trefoil/io/lint/strict`.
 *
 * @module
 */

import { DEFAULT_RULES } from "./_default_rules.ts";
import type { PluginOptions } from "./_plugin_options.ts";
import { pluginOf } from "./_rule.ts";

export type { PluginOptions } from "./_plugin_options.ts";

/**
 * Makes the plugin, for those who import the library under a name of their own.
 *
 * Write it in a file of your own, and name that file in `lint.plugins` of `deno.json`.
 *
 * @example A library that hands on what it imports from this one
 * ```ts
 * import { plugin } from "@trefoil/io/lint";
 * import { assertEquals } from "@std/assert";
 *
 * const mine = plugin({ modules: /^@acme\/concurrency$/ }); // export default …
 * assertEquals(mine.name, "trefoil");
 * ```
 *
 * @param options Which modules count as the library.
 * @returns The plugin, called `trefoil`.
 * @throws {TypeError} If the options are no object, or `modules` is no regular expression.
 * @category Lint
 */
export function plugin(options: PluginOptions = {}): Deno.lint.Plugin {
  return pluginOf("trefoil", DEFAULT_RULES, options);
}

/**
 * The plugin as it is: the rules of `docs/lint.md` but the strict ones.
 *
 * @category Lint
 */
const instance: Deno.lint.Plugin = plugin();

export default instance;
