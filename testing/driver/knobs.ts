/**
 * What the command line says about simulations: `deno test -- --sim=runs:500`, `--sim=seed:7`, `--sim=replay:0/4.2.5`,
 * `--sim=trace:traces`.
 */

/** What can be said there. */
export interface Knobs {
  readonly runs?: number;
  readonly seed?: number;
  readonly replay?: string;
  readonly trace?: string;
}

/** Reads them from the arguments of the program. Several may be given, each with `--sim=`. */
export function knobsOf(args: readonly string[]): Knobs {
  const knobs: { runs?: number; seed?: number; replay?: string; trace?: string } = {};
  for (const arg of args) {
    const [, name, value] = /^--sim=(\w+):(.+)$/.exec(arg) ?? [];
    if ((name === "replay" || name === "trace") && value !== undefined) knobs[name] = value;
    else if ((name === "runs" || name === "seed") && /^-?\d+$/.test(`${value}`)) knobs[name] = Number(value);
    else if (/^--sim(?:=|$)/.test(arg)) {
      throw new TypeError(
        `Cannot simulate as the command line must say "--sim=runs:500", "--sim=seed:7", "--sim=replay:…" or "--sim=trace:folder": received "${arg}"`,
      );
    }
  }
  return knobs;
}

let read: Knobs | undefined;

/** Those of this program. */
export function knobs(): Knobs {
  return read ??= knobsOf(ownArgs());
}

/**
 * The folder for traces that the arguments of this program name. It is looked for by each simulation, also in programs
 * whose arguments are no tests' and may say anything.
 */
export function traceFolder(): string | undefined {
  return ownArgs().flatMap((arg) => /^--sim=trace:(.+)$/.exec(arg)?.[1] ?? []).at(-1);
}

function ownArgs(): readonly string[] {
  const host = globalThis as {
    Deno?: { readonly args: readonly string[] };
    process?: { readonly argv: readonly string[] };
  };
  return host.Deno?.args ?? host.process?.argv.slice(2) ?? [];
}
