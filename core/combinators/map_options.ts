/** How a source of items is worked through. */

/** Options of whatever works on several items at a time. */
export interface ConcurrencyOptions {
  /**
   * How many items are worked on at the same time, at least 1.
   *
   * @default {Infinity}
   */
  readonly concurrency?: number;
}

/** Options of `map()`, `forEach()` and `asCompleted()`. */
export interface MapOptions extends ConcurrencyOptions {
  /**
   * What happens when an item fails. `"first"`: the first error cancels the rest, and is thrown itself. `"collect"`: all items
   * are worked on, and all errors are thrown together in an `ErrorGroup`, in the order of the items; one of the source ends
   * the reading, and comes last. All errors are kept until then.
   *
   * @default {"first"}
   */
  readonly errors?: "first" | "collect";
  /**
   * Ends what the source waits for, such as `() => subscription.unsubscribe()`. Called when the source was not read to its end.
   * An item that it is being asked for then is given up; without `stop`, the source is waited for.
   */
  readonly stop?: () => unknown;
}
