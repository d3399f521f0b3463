/**
 * Times on the page. These functions are put into the page as text: they use nothing but their arguments.
 */

/** Nanoseconds in words, to three digits or so: `"12.3 ms"`. */
export function timeWords(ns: number): string {
  const units: readonly (readonly [number, string])[] = [[1e9, "s"], [1e6, "ms"], [1e3, "µs"]];
  const [size, name] = units.find(([size]) => Math.abs(ns) >= size) ?? [1, "ns"];
  const value = ns / size;
  const digits = Math.abs(value) >= 100 || size === 1 ? 1 : Math.abs(value) >= 10 ? 2 : 3;
  return `${Number(value.toFixed(digits))} ${name}`;
}

/** Where the ticks of a scale are, at round times and at most so many, and how they are called. */
export function ticksOf(from: number, to: number, most: number): { readonly at: number; readonly text: string }[] {
  const least = (to - from) / Math.max(1, most);
  const power = 10 ** Math.floor(Math.log10(Math.max(1, least)));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= least) ?? 10 * power;
  const [size, unit] = step >= 1e9 ? [1e9, "s"] : step >= 1e6 ? [1e6, "ms"] : step >= 1e3 ? [1e3, "µs"] : [1, "ns"];
  const ticks: { at: number; text: string }[] = [];
  for (let n = Math.ceil(from / step); n * step <= to; n++) {
    ticks.push({ at: n * step, text: `${Number((n * step / size).toFixed(3))} ${unit}` });
  }
  return ticks;
}
