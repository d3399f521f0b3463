// deno-lint-ignore-file no-console
/**
 * Counts the lines of files, four at a time, with a progress bar; or with a line now and then, if the output is not a
 * terminal. Ctrl-C ends it, and leaves the terminal as it was.
 *
 * Run it: deno run --allow-read examples/progress.ts mod.ts README.md …
 *
 * What it shows: a bar that redraws itself beside the work, ends with it however that ends, and takes no error of it.
 * `withBar()` is for a bar of somebody else's, such as that of `@std/cli`: see docs/recipes/progress.md.
 */
import { currentTime, map, race, readLines, run, shielded, sleep } from "@trefoil/io";

/** Where a bar is drawn. */
export interface Display {
  readonly isTerminal: boolean;
  /** Columns of the terminal. */
  readonly width: number;
  write(text: string): void;
}

/** How far the work is. */
export interface Progress {
  /** How much is done, of `max`. Set it whenever there is something new: that costs nothing. */
  value: number;
}

/** Draws a line: how much is done, since when, and how long the rest will take. */
export function barOf(value: number, max: number, elapsed: number): string {
  const share = max === 0 ? 1 : Math.min(1, value / max);
  const full = Math.floor(share * 24);
  const rest = share > 0 && share < 1 ? `  ${clock(elapsed / share - elapsed)} left` : "";
  const percent = `${Math.floor(share * 100)}`.padStart(3);
  return `[${"#".repeat(full)}${"-".repeat(24 - full)}] ${percent}%  ${value}/${max}  ${clock(elapsed)}${rest}`;
}

function clock(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  return `${Math.floor(seconds / 60)}:${`${seconds % 60}`.padStart(2, "0")}`;
}

/** Runs something with a progress bar: ten times a second in place on a terminal, otherwise a line every five seconds. */
export async function withProgress<T>(
  max: number,
  { isTerminal, width, write }: Display,
  work: (progress: Progress) => Promise<T>,
): Promise<T> {
  const progress = { value: 0 };
  const start = currentTime();
  const draw = () => {
    const line = barOf(progress.value, max, currentTime() - start);
    // A line that is longer than the terminal would not be overwritten, but pushed up.
    write(isTerminal ? `\r\x1b[K${line.slice(0, width - 1)}` : `${line}\n`);
  };
  const keepDrawing = async (): Promise<never> => {
    while (true) {
      draw();
      await sleep(isTerminal ? 100 : 5_000);
    }
  };
  try {
    // Whichever ends first ends the other. In a nursery the error of the work would come in a group.
    return await race([() => work(progress), keepDrawing]);
  } finally {
    draw();
    if (isTerminal) write("\n");
  }
}

/** A bar that draws itself by a timer of its own. That of `@std/cli` is one. */
export interface Bar extends Progress {
  stop(): Promise<void>;
}

/** Runs something with such a bar, which is stopped however that ends: its timer would keep the program. */
export async function withBar<T>(bar: Bar, work: (progress: Progress) => Promise<T>): Promise<T> {
  try {
    return await work(bar);
  } finally {
    // It waits for its output, which somebody may have stopped reading.
    await shielded(() => bar.stop(), { timeout: 1_000 });
  }
}

/** Counts the lines of files. */
export function countLines(paths: readonly string[], progress: Progress): Promise<number[]> {
  return map(paths, async (path) => {
    let count = 0;
    for await (const _ of readLines(path)) count++;
    progress.value++;
    return count;
  }, { concurrency: 4 });
}

if (import.meta.main) {
  const isTerminal = Deno.stderr.isTerminal();
  const display: Display = {
    isTerminal,
    width: isTerminal ? Deno.consoleSize().columns : 80,
    write: (text) => void Deno.stderr.writeSync(new TextEncoder().encode(text)),
  };
  run(async () => {
    const counts = await withProgress(Deno.args.length, display, (progress) => countLines(Deno.args, progress));
    for (const [index, count] of counts.entries()) console.log(`${count} ${Deno.args[index]}`);
  });
}
