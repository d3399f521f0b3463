/** A trace, for those who want to look at it. */

/**
 * What has happened in a run, or in a part of it.
 *
 * @category Observing
 */
export interface Trace {
  /** Returns it in the Trace Event Format, as JSON: for ui.perfetto.dev, or chrome://tracing. */
  toJson(): string;
  /**
   * Returns it as a page that shows it, for a file or a server.
   *
   * @param options What the page is called, and what else it shows.
   */
  toHtml(options?: TraceHtmlOptions): string;
}

/**
 * Options of `Trace.toHtml()`.
 *
 * @category Observing
 */
export interface TraceHtmlOptions {
  /**
   * What the page is called.
   *
   * @default {"Trace"}
   */
  readonly title?: string;
  /** A drawing for below the tasks, as HTML: what `sim.net.diagram()` returns. It is put into the page as it is. */
  readonly diagram?: string;
  /**
   * The nonce for the page's script and style, where it is served with a `content-security-policy` that wants one:
   * letters, digits, `+`, `/`, `-`, `_` and `=`.
   */
  readonly nonce?: string;
}
