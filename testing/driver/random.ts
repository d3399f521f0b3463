/** Random numbers that are the same in each run. */

/** Sets the sources of random numbers of a simulation apart, which all come from one seed. */
export const SOURCES = {
  /** `sim.random()`. */
  test: 0,
  /** Those of the run: jitter of retries and the like. */
  run: 0x52756e21,
  /** How the network in memory delays and splits. */
  network: 0x4e657421,
  /** `Math.random()`. */
  math: 0x4d617468,
  /** `crypto`. */
  crypto: 0x43727970,
} as const;

/**
 * Makes a small generator with a period of 2^32 (Tommy Ettinger's mulberry32): enough for tests. All bits of the seed
 * count.
 */
export function seededRandom(seed: number, source: number = SOURCES.test): () => number {
  let state = (seed ^ Math.imul(Math.floor(seed / 2 ** 32), 0x9e3779b1) ^ source) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A source of random numbers, and one more for each name. */
export function namedStreams(seed: number): (stream?: string) => number {
  const unnamed = seededRandom(seed);
  const named = new Map<string, () => number>();
  return (stream) => {
    if (stream === undefined) return unnamed();
    let source = named.get(stream);
    if (source === undefined) {
      // FNV-1a; scrambled once more, as the sources of one seed lie on one circle.
      let hash = 0x811c9dc5;
      for (let i = 0; i < stream.length; i++) hash = Math.imul(hash ^ stream.charCodeAt(i), 0x01000193);
      const scrambled = seededRandom(hash)() * 2 ** 32;
      named.set(stream, source = seededRandom(seed, scrambled));
    }
    return source();
  };
}
