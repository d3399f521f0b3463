/** What the command line says about simulations: `deno test -- --sim=runs:500`, `--sim=seed:7`, `--sim=replay:0/4.2.5`. */

/** What can be said there. */
export interface Knobs {
  readonly runs?: number;
  readonly seed?: number;
  readonly replay?: string;
}

/** Reads them from the arguments of the program. Several may be given, each with `--sim=`. */
export function knobsOf(args: readonly string[]): Knobs {
  const knobs: { runs?: number; seed?: number; replay?: string } = {};
  for (const arg of args) {
    const [, name, value] = /^--sim=(\w+):(.+)$/.exec(arg) ?? [];
    if (name === "replay" && value !== undefined) knobs.replay = value;
    else if ((name === "runs" || name === "seed") && /^-?\d+$/.test(`${value}`)) knobs[name] = Number(value);
    else if (/^--sim(?:=|$)/.test(arg)) {
      throw new TypeError(
        `Cannot simulate as the command line must say "--sim=runs:500", "--sim=seed:7" or "--sim=replay:…": received "${arg}"`,
      );
    }
  }
  return knobs;
}

let read: Knobs | undefined;

/** Those of this program. */
export function knobs(): Knobs {
  const host = globalThis as {
    Deno?: { readonly args: readonly string[] };
    process?: { readonly argv: readonly string[] };
  };
  return read ??= knobsOf(host.Deno?.args ?? host.process?.argv.slice(2) ?? []);
}
