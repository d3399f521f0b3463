/** Slices on tracks: viewers want those of one track to lie within each other, or one after the other. Pure. */

/** More tasks than this share tracks. */
export const MOST_TRACKS = 500;

/** Something with a beginning and an end. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** Says for each span in which lane it lies, so that in no lane two overlap without one being within the other. */
export function lanesOf<S extends Span>(spans: readonly S[]): Map<S, number> {
  const found = new Map<S, number>();
  /** What is open in each lane, the outermost first. */
  const lanes: S[][] = [];
  // Of those that begin together the longest is the outermost.
  for (const span of [...spans].sort((a, b) => a.start - b.start || b.end - a.end)) {
    let lane = 0;
    for (;; lane++) {
      const open = lanes[lane] ??= [];
      while (open.length > 0 && open.at(-1)!.end <= span.start) open.pop();
      if (open.length === 0 || open.at(-1)!.end >= span.end) {
        open.push(span);
        break;
      }
    }
    found.set(span, lane);
  }
  return found;
}

/** Tracks for named spans: each its own, or, where that would be too many, one that an earlier one has left. */
export function tracksOf<S extends Span & { readonly name: string }>(
  spans: readonly S[],
  most: number,
): Map<S, number> {
  const found = new Map<S, number>();
  if (spans.length <= most) {
    for (const [index, span] of spans.entries()) found.set(span, index);
    return found;
  }
  const free = new Map<string, { readonly track: number; freeAt: number }[]>();
  let last = -1;
  for (const span of [...spans].sort((a, b) => a.start - b.start)) {
    const tracks = free.get(span.name) ?? [];
    free.set(span.name, tracks);
    let track = tracks.find(({ freeAt }) => freeAt <= span.start);
    if (track === undefined) tracks.push(track = { track: ++last, freeAt: 0 });
    track.freeAt = span.end;
    found.set(span, track.track);
  }
  return found;
}

/**
 * Says for each span on which level it lies, so that on no level two overlap. What is within another is on a level
 * further down. Of `most` levels the last one takes whatever finds no place.
 */
export function levelsOf<S extends Span>(spans: readonly S[], most: number): Map<S, number> {
  const found = new Map<S, number>();
  const ends: number[] = [];
  for (const span of [...spans].sort((a, b) => a.start - b.start || b.end - a.end)) {
    let level = 0;
    while (level < most - 1 && (ends[level] ?? -1) > span.start) level++;
    ends[level] = Math.max(ends[level] ?? 0, span.end);
    found.set(span, level);
  }
  return found;
}

/** A task in the tree. */
export interface Branch {
  readonly id: number;
  readonly parent: number | null;
}

/** The tasks as the tree has them: below the one that owns them, oldest first. */
export function inTreeOrder<T extends Branch>(tracks: readonly T[]): T[] {
  const ids = new Set(tracks.map(({ id }) => id));
  const children = Map.groupBy(tracks, ({ parent }) => parent !== null && ids.has(parent) ? parent : -1);
  const found: T[] = [];
  const open = [...children.get(-1) ?? []].sort((a, b) => b.id - a.id);
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    found.push(next);
    open.push(...[...children.get(next.id) ?? []].sort((a, b) => b.id - a.id));
  }
  return found;
}
