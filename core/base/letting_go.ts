/**
 * What is open beside all runs, such as the beat of a watchdog or the server of a monitor. It is unref'd, and still, while
 * the main module awaits at its top level, Deno (2.9.6) lets it keep the process alive. So it has to go for a moment when
 * the library wants to know whether anything else is.
 */

const open = new Set<() => () => void>();

/** Registers something that is open beside all runs: how it goes, which returns how it comes back. Returns how to stop. */
export function whenLettingGo(letGo: () => () => void): () => void {
  open.add(letGo);
  return () => void open.delete(letGo);
}

/** Lets all of it go; returns how it comes back. */
export function letOthersGo(): () => void {
  const comeBack = [...open].map((letGo) => letGo());
  return () => comeBack.forEach((again) => again());
}
