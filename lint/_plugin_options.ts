/** What can be said of a plugin. */

/**
 * Options of `plugin()`.
 *
 * @category Lint
 */
export interface PluginOptions {
  /**
   * What else counts as the library: a pattern for what files import. The package itself counts in any case, by every
   * name that leads to it.
   *
   * @default {undefined}
   */
  readonly modules?: RegExp;
}
