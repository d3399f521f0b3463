/** Commands: checked before anything is started, and shown in messages. */

import { show } from "../../core/internal.ts";
import type { Command } from "./command.ts";

/** A command in a message is not longer than this, in characters. */
const LONGEST = 200;

/** What a shell takes as it is. */
const PLAIN = /^[\w@%+=:,./-]+$/;

// deno-lint-ignore no-control-regex -- these are what it is about
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/g;

/** Checks a command; returns its program and arguments. */
export function partsOfCommand(
  action: string,
  command: Command,
  { windows = false }: { readonly windows?: boolean } = {},
): readonly [string, ...string[]] {
  const parts: unknown = typeof command === "string" ? [command] : command;
  if (!Array.isArray(parts) || parts.length === 0) {
    throw new TypeError(
      `Cannot ${action} as "command" must be a program, or an array of a program and its arguments: received ${
        Array.isArray(parts) ? "an empty array" : show(command)
      }`,
    );
  }
  // A copy: what is checked here is what will be run. Not `map()`, which passes over holes.
  const copy = Array.from(parts as unknown[], (part, index): string => {
    if (typeof part !== "string") {
      throw new TypeError(`Cannot ${action} as part ${index} of "command" must be a string: received ${show(part)}`);
    }
    if (part.includes("\0")) {
      throw new TypeError(
        `Cannot ${action} as part ${index} of "command" must not contain a NUL: received ${show(part)}`,
      );
    }
    return part;
  });
  const [program = "", ...args] = copy;
  if (program === "") throw new TypeError(`Cannot ${action} as "command" must name a program: received ""`);
  // They are run by cmd.exe, which takes arguments apart in ways that nobody can quote for.
  if (windows && /\.(?:cmd|bat)$/i.test(program)) {
    throw new TypeError(
      `Cannot ${action} as a batch file must be run by its interpreter: write ["cmd", "/c", ${show(program)}, …]`,
    );
  }
  return [program, ...args];
}

/** A command as one would type it into a shell, shortened. */
export function showCommand(parts: readonly string[]): string {
  return shorten(escapeControls(parts.map(quote).join(" ")), LONGEST);
}

/** A text without characters that would move the cursor of a terminal, or worse. */
export function escapeControls(text: string): string {
  return text.replace(CONTROL, (character) => {
    const short = { "\t": "\\t", "\n": "\\n", "\r": "\\r" }[character];
    return short ?? `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
}

/** The beginning of a text that is too long. */
export function shorten(text: string, longest: number): string {
  return text.length <= longest ? text : `${text.slice(0, longest - 1)}…`;
}

function quote(part: string): string {
  return PLAIN.test(part) ? part : `'${part.replaceAll("'", `'\\''`)}'`;
}
