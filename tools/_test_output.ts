/** What `deno test` prints and writes, made short: pure, so that it can be tested. */

/** What came of the tests of one process. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
}

/** Reads the closing line of `deno test`. */
export function countsOf(output: string): Counts {
  const [, passed, failed] = /^(?:ok|FAILED) \| (\d+) passed.*?\| (\d+) failed/m.exec(output) ?? [];
  return { passed: Number(passed ?? 0), failed: Number(failed ?? 0) };
}

/** What the host prints about itself, which says nothing about a test. */
const OF_THE_HOST: readonly RegExp[] = [
  // Once per process, as soon as a server looks at the signal of a request.
  /^Deno\.serve: request\.signal aborts on successful responses .*$\n?/gm,
  // As a test ends a server of the host while an upgrade is under way.
  /^Upgrade response was not returned from callback$\n?/gm,
];

/** A test that could not be tried says so in a line of its own. */
const SKIPPED = /^SKIPPED: .*$\n?/gm;

/** What code under test has printed, and between which tests: the reporter frames it. */
const FRAMED = /^-+ (?:pre-test |post-test )?output -+$\n([\s\S]*?)-+ (?:pre-test |post-test )?output end -+$/gm;

/** What tests said beside their results. */
export interface Notices {
  /** What nobody expected, as it was printed, each with the name of the test. */
  readonly unexpected: readonly string[];
  /** Which tests were left out, and why. */
  readonly skipped: readonly string[];
}

/** Finds what was printed by tests. */
export function noticesOf(output: string): Notices {
  const unexpected: string[] = [];
  const skipped: string[] = [];
  for (const { 0: whole, 1: framed = "", index } of output.matchAll(FRAMED)) {
    let text = framed;
    for (const pattern of OF_THE_HOST) text = text.replace(pattern, "");
    skipped.push(...(text.match(SKIPPED) ?? []).map((line) => line.trim()));
    text = text.replace(SKIPPED, "");
    // Side by side, files have the name of their test before the end of the frame; else it stands before and after it.
    const [, side] = /^(.*) \.\.\.$/m.exec(text.slice(text.lastIndexOf("\n", text.length - 1) + 1)) ?? [];
    if (side !== undefined) text = text.slice(0, text.lastIndexOf("\n") + 1);
    if (text.trim() === "") continue;
    const after = output.slice(index + whole.length).trimStart().split("\n", 1)[0] ?? "";
    unexpected.push(`${side ?? after.replace(/ \.\.\.(?: ok| FAILED)? ?(?:\([^)]*\))?$/, "")}:\n${text.trimEnd()}`);
  }
  return { unexpected, skipped };
}

/** The report on failures, in full; empty if there is none. */
export function failuresOf(output: string): string {
  const start = output.search(/^ ERRORS $/m);
  if (start < 0) return "";
  const end = output.search(/^ FAILURES $/m);
  return output.slice(start + " ERRORS ".length, end < start ? undefined : end).trim();
}

/** A length of time, for people. */
export function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
