/** Slices on tracks: viewers want those of one track to lie within each other, or one after the other. Pure. */

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
