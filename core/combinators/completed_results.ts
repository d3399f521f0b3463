/** What is looped over while the work for it goes on. */

/**
 * The iterator that `asCompleted()` and `merge()` return. Leaving its loop, or disposing of it, ends the work.
 *
 * @category Combinators
 */
export interface CompletedResults<R> extends AsyncIterableIterator<R>, AsyncDisposable {
}
