// deno-lint-ignore-file no-console
/**
 * Runs several checks at the same time, says line by line what they say, and ends the others as soon as one fails: none
 * of them is left running.
 *
 * Run it: deno run --allow-run examples/check_all.ts "deno lint" "deno test --allow-read" …
 */
import { all, type Command, ProcessError, run, runProcess } from "@trefoil/io";

/** One check: how it is called in what is said, and what it runs. */
export interface Check {
  readonly name: string;
  readonly command: Command;
}

/** Runs all; throws the error of the first that fails, when the others have ended. */
export async function checkAll(checks: readonly Check[], say: (line: string) => void): Promise<void> {
  await all(checks.map(({ name, command }) => async () => {
    const tell = (line: string) => say(`${name}: ${line}`);
    await runProcess(command, { name, stdout: tell, stderr: tell });
    say(`${name}: well`);
  }));
}

/** A command as one types it, without quotes and the like: there is no shell that would take it apart. */
export function commandOf(text: string): Command {
  const [program = "", ...args] = text.trim().split(/\s+/);
  return [program, ...args];
}

if (import.meta.main) {
  const checks = Deno.args.map((text) => ({ name: text, command: commandOf(text) }));
  run(async () => {
    try {
      await checkAll(checks, (line) => console.log(line));
    } catch (error) {
      if (!(error instanceof ProcessError)) throw error;
      console.error(error.message);
      Deno.exitCode = 1;
    }
  });
}
