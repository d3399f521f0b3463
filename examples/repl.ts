/**
 * A prompt for a store of keys and values. Ctrl-C ends what a command does, and at an empty prompt the program; so does
 * the end of the input.
 *
 *     > set greeting hello
 *     > get greeting
 *     hello
 *     > sleep 60
 *     ^C
 *     cancelled
 *     > quit
 *
 * Run it: deno run examples/repl.ts
 */
import { CancelScope, openNursery, openSignals, run, sleep, stdinLines } from "@trefoil/io";
import { openStdout } from "@trefoil/io/os";

/** What a command does with its arguments; what it returns is printed. */
export type CommandOf = (...args: string[]) => string | Promise<string>;

/** A command was called wrongly: said, and no reason to end. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** The commands of a store. */
export function storeCommands(store: Map<string, string> = new Map()): Record<string, CommandOf> {
  return {
    get: (key = "") => {
      const value = store.get(key);
      if (value === undefined) throw new UsageError(`Cannot get "${key}" as it must have been set`);
      return value;
    },
    set: (key = "", ...words) => {
      store.set(key, words.join(" "));
      return "";
    },
    sleep: async (seconds = "1") => {
      if (!(Number(seconds) >= 0)) throw new UsageError(`Cannot sleep as the time must be in seconds: ${seconds}`);
      await sleep(Number(seconds) * 1_000);
      return "";
    },
  };
}

/** Reads commands and does them, one after another, until there are no more. */
export async function repl(
  commands: Readonly<Record<string, CommandOf>>,
  say: (text: string) => Promise<void>,
  lines: AsyncIterable<string> = stdinLines(),
): Promise<void> {
  // From here on Ctrl-C is ours: it does not end the run.
  using signals = openSignals("SIGINT");
  let running: CancelScope | null = null;
  await openNursery(async (nursery) => {
    nursery.startSoon(async () => {
      for await (const _ of signals) {
        if (running === null) nursery.cancel("Ctrl-C at the prompt");
        else running.cancel("Ctrl-C");
      }
    }, { name: "Ctrl-C", daemon: true });
    await say("> ");
    for await (const line of lines) {
      const [name = "", ...args] = line.trim().split(/\s+/);
      if (name === "quit") return;
      running = new CancelScope();
      const outcome = await running.run(() => perform(commands, name, args));
      running = null;
      const text = outcome.cancelledCaught ? "cancelled" : outcome.value;
      await say(`${text ? `${text}\n` : ""}> `);
    }
  });
}

async function perform(
  commands: Readonly<Record<string, CommandOf>>,
  name: string,
  args: readonly string[],
): Promise<string> {
  if (name === "") return "";
  if (!Object.hasOwn(commands, name)) return `There is no "${name}": ${Object.keys(commands).join(", ")}, quit`;
  try {
    return await commands[name]!(...args);
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
}

if (import.meta.main) {
  const output = openStdout();
  run(() => repl(storeCommands(), (text) => output.sendAll(new TextEncoder().encode(text))));
}
