/** Makes a list that fails smaller, for as long as it still fails. */

/** How much may be spent on it. */
export interface ShrinkLimits {
  readonly runs: number;
  /** In real milliseconds. */
  readonly time: number;
  /** The real time. */
  readonly now: () => number;
}

/**
 * Drops halves, then smaller parts, until no single item can be left out (Zeller's ddmin), or the limits are reached.
 * The empty list is tried first: a bug that any other order than the usual shows needs no item at all.
 */
export async function shrink<T>(
  list: readonly T[],
  fails: (list: readonly T[]) => Promise<boolean>,
  { runs, time, now }: ShrinkLimits,
): Promise<readonly T[]> {
  const until = now() + time;
  let left = runs;
  let smallest = list;
  const attempt = async (candidate: readonly T[]): Promise<boolean> => {
    if (left-- <= 0 || now() > until || !await fails(candidate)) return false;
    smallest = candidate;
    return true;
  };
  if (list.length === 0 || await attempt([])) return smallest;
  for (let parts = Math.min(2, list.length); left > 0 && now() <= until;) {
    const size = Math.ceil(smallest.length / parts);
    let dropped = false;
    // From the end: what comes after the failure's cause is most of it.
    for (let end = smallest.length; end > 0 && !dropped; end -= size) {
      const start = Math.max(0, end - size);
      dropped = await attempt([...smallest.slice(0, start), ...smallest.slice(end)]);
    }
    if (dropped) parts = Math.max(2, parts - 1);
    else if (size <= 1) break;
    else parts = Math.min(smallest.length, parts * 2);
    if (smallest.length <= 1 && dropped) break;
  }
  return smallest;
}
