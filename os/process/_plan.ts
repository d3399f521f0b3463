/** The options of a process, checked before anything is started, and made whole. */

import {
  requireBoolean,
  requireCount,
  requireFunction,
  requireInteger,
  requireOptions,
  requireText,
  requireTimeout,
  show,
} from "../../core/internal.ts";
import type { ReceiveStream, SendStream } from "../../net/mod.ts";
import { requireSignal } from "../base/signal_names.ts";
import { isWindows } from "../host/processes.ts";
import { escapeControls, partsOfCommand, showCommand } from "./_command.ts";
import type { Command } from "./command.ts";
import type { Process } from "./process.ts";

/** How long a process may take to end after SIGTERM, in milliseconds; what execa has. */
const GRACE = 5_000;
/** How long an idle pipe is waited for that somebody else holds, in milliseconds. tinyexec has 100. */
const DRAIN = 250;
/** The most that is captured of a pipe, in bytes. */
const MAX_OUTPUT = 64 * 1024 * 1024;

/** Where an input may come from, and an output go to, in any of the functions. */
export type InputFrom = "null" | "inherit" | "pipe" | Uint8Array | ReceiveStream;
export type OutputTo = "null" | "inherit" | "pipe" | "text" | "bytes" | "tail" | ((line: string) => void) | SendStream;

/** What all functions have in common, as users may give it. */
export interface AnyOptions {
  readonly stdin?: string | Uint8Array | ReceiveStream;
  readonly stdout?: OutputTo;
  readonly stderr?: OutputTo;
  readonly check?: boolean;
  readonly maxOutput?: number;
  readonly grace?: number;
  readonly drain?: number;
  readonly group?: boolean;
  readonly deliverCancel?: (process: Process) => unknown;
  readonly onShutdown?: string;
  readonly cwd?: string | URL;
  readonly env?: Readonly<Record<string, string>>;
  readonly clearEnv?: boolean;
  readonly uid?: number;
  readonly gid?: number;
  readonly name?: string;
}

/** Which of the forms of input and output a function takes. */
export interface Takes {
  /** The words for `stdin`; and whether bytes and streams. */
  readonly stdin: readonly string[];
  readonly bytes: boolean;
  /** The words for `stdout` and `stderr`; and whether functions and streams. */
  readonly output: readonly string[];
  readonly sinks: boolean;
}

/** What is to be run, and how. */
export interface Plan {
  readonly command: readonly [string, ...string[]];
  /** What stands for the command in messages. */
  readonly name: string;
  /** Whether the command itself must not be shown. */
  readonly hidden: boolean;
  readonly stdin: InputFrom;
  readonly stdout: OutputTo;
  readonly stderr: OutputTo;
  /** Whether both outputs are read here in any case, and passed on. */
  readonly watched: boolean;
  readonly check: boolean;
  readonly maxOutput: number;
  readonly grace: number;
  readonly drain: number;
  readonly group: boolean;
  readonly deliverCancel: ((process: Process) => unknown) | undefined;
  readonly onShutdown: string | undefined;
  readonly cwd: string | URL | undefined;
  readonly env: Readonly<Record<string, string>> | undefined;
  readonly clearEnv: boolean | undefined;
  readonly uid: number | undefined;
  readonly gid: number | undefined;
}

/** Checks a command and its options. */
export function planOf(action: string, takes: Takes, { command, options }: {
  readonly command: Command;
  readonly options: AnyOptions;
}): Plan {
  const parts = partsOfCommand(action, command, { windows: isWindows });
  requireOptions(action, options);
  const { check = true, maxOutput = MAX_OUTPUT, grace = GRACE, drain = DRAIN, group = false } = options;
  const { deliverCancel, onShutdown, cwd, env, clearEnv, uid, gid, name } = options;
  const { stdin = "null", stdout = "inherit" } = options;
  const { stderr = stdout === "text" || stdout === "bytes" ? "tail" : "inherit" } = options;
  requireInput(action, stdin, takes);
  requireOutput(action, "stdout", stdout, takes);
  requireOutput(action, "stderr", stderr, { ...takes, output: [...takes.output, ...takes.sinks ? ["tail"] : []] });
  requireBoolean(action, "check", check);
  requireCount(action, "maxOutput", maxOutput);
  requireTimeout(action, "grace", grace);
  requireTimeout(action, "drain", drain);
  requireBoolean(action, "group", group);
  if (deliverCancel !== undefined) requireFunction(action, "deliverCancel", deliverCancel);
  if (onShutdown !== undefined) requireSignal(action, "onShutdown", onShutdown);
  if (cwd !== undefined && typeof cwd !== "string" && !(cwd instanceof URL)) {
    throw new TypeError(`Cannot ${action} as "cwd" must be a string or a URL: received ${show(cwd)}`);
  }
  if (clearEnv !== undefined) requireBoolean(action, "clearEnv", clearEnv);
  for (const [key, id] of [["uid", uid], ["gid", gid]] as const) {
    if (id !== undefined) requireInteger(action, key, id, 0, 2 ** 32 - 2);
  }
  requireText(action, "name", name);
  if (group) requireNoTerminal(action, stdin);
  return {
    command: parts,
    name: name === undefined ? showCommand(parts) : escapeControls(name),
    hidden: name !== undefined,
    // Half a surrogate pair is U+FFFD.
    stdin: typeof stdin === "string" && !takes.stdin.includes(stdin)
      ? new TextEncoder().encode(stdin)
      : stdin as InputFrom,
    stdout,
    stderr,
    watched: false,
    check,
    maxOutput,
    grace,
    drain,
    group,
    deliverCancel,
    onShutdown,
    cwd,
    env: env === undefined ? undefined : variables(action, env),
    clearEnv,
    uid,
    gid,
  };
}

function requireInput(action: string, value: unknown, { stdin, bytes }: Takes): void {
  if (stdin.includes(value as string)) return;
  if (bytes && value === "pipe") {
    throw new TypeError(
      `Cannot ${action} as "stdin" must not be "pipe", which is for openProcess(): to send that text, give its bytes`,
    );
  }
  if (bytes && (typeof value === "string" || value instanceof Uint8Array || has(value, "receiveSome"))) return;
  const others = bytes ? ", a string, a Uint8Array or a ReceiveStream" : "";
  throw new TypeError(`Cannot ${action} as "stdin" must be ${list(stdin)}${others}: received ${show(value)}`);
}

function requireOutput(action: string, name: string, value: unknown, { output, sinks }: Takes): void {
  if (output.includes(value as string)) return;
  if (sinks && typeof value === "function") return requireFunction(action, name, value);
  if (sinks && has(value, "sendAll")) return;
  const others = sinks ? ", a function or a SendStream" : "";
  throw new TypeError(`Cannot ${action} as "${name}" must be ${list(output)}${others}: received ${show(value)}`);
}

/** A process in a group of its own has no terminal to read from: what asks for a password there would fail, or hang. */
function requireNoTerminal(action: string, stdin: unknown): void {
  if (stdin !== "inherit") return;
  throw new TypeError(
    `Cannot ${action} with "group" as "stdin" must not be "inherit": a group of its own has no terminal`,
  );
}

/** The variables, as they are now. The host would make texts of everything. */
function variables(action: string, env: unknown): Readonly<Record<string, string>> {
  if (typeof env !== "object" || env === null) {
    throw new TypeError(`Cannot ${action} as "env" must be an object of strings: received ${show(env)}`);
  }
  const entries = Object.entries(env);
  for (const [key, value] of entries) {
    if (typeof value !== "string") {
      throw new TypeError(`Cannot ${action} as variable "${key}" in "env" must be a string: received ${show(value)}`);
    }
    if (key === "" || /[=\0]/.test(key) || value.includes("\0")) {
      throw new TypeError(
        `Cannot ${action} as variable ${show(key)} in "env" must have no "=" in its name, and no NUL`,
      );
    }
  }
  return Object.fromEntries(entries);
}

function has(value: unknown, method: string): boolean {
  return typeof (value as Record<string, unknown> | null | undefined)?.[method] === "function";
}

function list(words: readonly string[]): string {
  return words.map((word) => `"${word}"`).join(", ");
}
