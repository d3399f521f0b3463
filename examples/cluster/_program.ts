/** A program of this folder in a process of its own, for tests: what it prints, and how it is ended. */

import { failAfter, type Nursery, openProcess, type Process, readLines, sleep } from "@trefoil/io";

/** Options of `startProgram()`. */
export interface ProgramOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Is called with each line. */
  readonly onLine?: (line: string) => void;
}

export class Program {
  readonly lines: string[] = [];
  readonly process: Process;

  constructor(process: Process) {
    this.process = process;
  }

  /** Waits until it has printed what matches. */
  async printed(pattern: RegExp, ms = 30_000): Promise<void> {
    await failAfter(ms, async () => {
      while (!this.lines.some((line) => pattern.test(line))) await sleep(5);
    });
  }

  kill(signal: Deno.Signal): void {
    this.process.kill(signal);
  }

  /** Ends it by a signal; gives its exit code. */
  async end(signal: Deno.Signal): Promise<number> {
    this.kill(signal);
    return (await this.process.wait()).code;
  }
}

/** Starts one. It dies with the nursery. */
export async function startProgram(
  nursery: Nursery,
  [file, ...args]: readonly string[],
  { env = {}, onLine = () => {} }: ProgramOptions = {},
): Promise<Program> {
  return await nursery.start<Program>(async (status) => {
    const path = new URL(file!, import.meta.url).pathname;
    await using process = await openProcess([Deno.execPath(), "run", "--no-lock", "--no-check", "-A", path, ...args], {
      stdout: "pipe",
      stderr: "null",
      env,
      grace: 0,
    });
    const program = new Program(process);
    status.started(program);
    for await (const line of readLines(process.stdout!)) {
      program.lines.push(line);
      onLine(line);
    }
    await process.wait();
  }, { daemon: true, name: file! });
}
