/**
 * More rules for `deno lint`: those that are a matter of taste, or right most of the time.
 *
 * ```json
 * { "lint": { "plugins": ["jsr:@trefoil/io/lint", "jsr:@trefoil/io/lint/strict"] } }
 * ```
 *
 * @module
 */

import type { PluginOptions } from "./_plugin_options.ts";
import { pluginOf } from "./_rule.ts";
import { STRICT_RULES } from "./_strict_rules.ts";

export type { PluginOptions } from "./_plugin_options.ts";

/**
 * Makes the plugin of the strict rules, for those who import the library under a name of their own.
 *
 * @example Beside the other plugin, in a file of your own
 * ```ts
 * import { strictPlugin } from "@trefoil/io/lint/strict";
 * import { assertEquals } from "@std/assert";
 *
 * const mine = strictPlugin({ modules: /^@acme\/concurrency$/ }); // export default …
 * assertEquals(mine.name, "trefoil-strict");
 * ```
 *
 * @param options Which modules count as the library.
 * @returns The plugin, called `trefoil-strict`.
 * @throws {TypeError} If the options are no object, or `modules` is no regular expression.
 * @category Lint
 */
export function strictPlugin(options: PluginOptions = {}): Deno.lint.Plugin {
  return pluginOf("trefoil-strict", STRICT_RULES, options);
}

/**
 * The plugin as it is: the rules of `docs/lint.md` that are called strict.
 *
 * @category Lint
 */
const instance: Deno.lint.Plugin = strictPlugin();

export default instance;
