/**
 * What is waited for behind what a program holds: the channel behind one of its ends, the core of a lock. Who watches a
 * thing finds the waits for it that way.
 */

const finders: ((thing: object) => object | undefined)[] = [];

/** Says how a class knows its objects, and what is behind them. */
export function findsResource(find: (thing: object) => object | undefined): void {
  finders.push(find);
}

/** What is behind a thing; the thing itself if nothing is. */
export function resourceOf(thing: object): object {
  for (const find of finders) {
    const found = find(thing);
    if (found !== undefined) return found;
  }
  return thing;
}
