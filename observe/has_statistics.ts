/** What can be watched. */

/**
 * Something that has numbers: a lock, a channel, a limiter, a pool, or what you write.
 *
 * @category Observing
 */
export interface HasStatistics {
  /** Returns the numbers: an object that JSON can hold. It must not wait. */
  statistics(): unknown;
}
