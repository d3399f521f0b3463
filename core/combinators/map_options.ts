/** How a source of items is worked through. */

/**
 * Options of functions that work on several items at a time.
 *
 * @category Combinators
 */
export interface ConcurrencyOptions {
  /**
   * How many items are worked on at the same time, at least 1.
   *
   * @default {Infinity}
   */
  readonly concurrency?: number;
}

/**
 * Options of `map()`, `forEach()` and `asCompleted()`.
 *
 * @category Combinators
 */
export interface MapOptions extends ConcurrencyOptions {
  /**
   * What happens when an item fails. With `"first"`, the first error cancels the rest and is thrown itself. With
   * `"collect"`, all items are worked on, and all errors are thrown together in an `ErrorGroup`, in the order of the
   * items. An error of the source ends the reading and comes last. All errors are kept until then.
   *
   * @default {"first"}
   */
  readonly errors?: "first" | "collect";
  /**
   * Ends the wait of the source, such as `() => subscription.unsubscribe()`. Called when the source was not read to its
   * end. If an item is being asked for then, it is given up; without `stop`, the call waits for the source.
   */
  readonly stop?: () => unknown;
}
