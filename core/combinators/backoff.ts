/** How waits grow. */

/**
 * How the waits between attempts grow.
 *
 * @category Combinators
 */
export interface Backoff {
  /**
   * The first wait, in milliseconds.
   *
   * @default {100}
   */
  readonly initial?: number;
  /**
   * The factor by which each wait is longer than the one before.
   *
   * @default {2}
   */
  readonly factor?: number;
  /**
   * The longest wait, in milliseconds.
   *
   * @default {10000}
   */
  readonly max?: number;
}
