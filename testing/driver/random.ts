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
