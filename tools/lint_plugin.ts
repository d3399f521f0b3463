/** The house rules, as a lint plugin. */
const plugin: Deno.lint.Plugin = { name: "trefoil", rules: {} };
export default plugin;
