/** The messages of failures. */

import { read, show, textOf } from "../../core/internal.ts";
import type { ProcessStatus } from "../../core/lowlevel.ts";
import { escapeControls, shorten } from "./_command.ts";
import { ProcessError } from "./process_error.ts";
import type { Plan } from "./_plan.ts";

/** How much of stderr a message shows: of a long one the end says most. */
const MOST_LINES = 10;
const LONGEST_LINE = 200;

/** What was captured of a process. */
export interface Captured {
  readonly stdout: string | Uint8Array | null;
  readonly stderr: string | Uint8Array | null;
}

/** What a process was to do: to end well, or to become ready. */
type Aim = readonly [action: string, must: string];
const EXIT_0: Aim = ["complete", "exit with code 0"];
export const BE_READY: Aim = ["start", "be ready before it exits"];

/** Of a process that has exited, but not as it should have. */
export function exitError(
  { name: command }: Plan,
  { code, signal }: ProcessStatus,
  { captured: { stdout, stderr }, aim = EXIT_0 }: { readonly captured: Captured; readonly aim?: Aim },
): ProcessError {
  const how = signal === null ? `it exited with code ${code}` : `it was ended by ${signal}`;
  const reason = signal === null ? "exit" : "signal";
  const message = `Cannot ${aim[0]} "${command}" as it must ${aim[1]}: ${how}${lastLines(stderr)}`;
  return new ProcessError(message, { reason, command, code, signal, stdout, stderr });
}

/** Of a process that has written too much. */
export function outputError(
  { name: command, maxOutput }: Plan,
  pipe: "stdout" | "stderr",
  { stdout, stderr }: Captured,
): ProcessError {
  const message =
    `Cannot complete "${command}" as its ${pipe} must not exceed "maxOutput": it wrote more than ${maxOutput} bytes`;
  return new ProcessError(message, { reason: "output", command, stdout, stderr });
}

/** Of a process that is still there. */
export function unkillableError(plan: Plan, pid: number, ms: number): ProcessError {
  return new ProcessError(
    `Cannot end "${plan.name}" as it must be gone ${ms} ms after SIGKILL: process ${pid} is still there, in the hands of the system`,
    { reason: "unkillable", command: plan.name },
  );
}

/** Of what the host has said when it was to start a process. A missing permission is nothing that the process did. */
export function spawnError(plan: Plan, cause: unknown): unknown {
  if (read(cause, "name") === "NotCapable") return cause;
  const [program] = plan.command;
  return new ProcessError(`Cannot start "${plan.name}" as ${whyNot(plan, cause, program)}`, {
    reason: "spawn",
    command: plan.name,
    cause,
  });
}

function whyNot({ cwd, hidden }: Plan, cause: unknown, program: string): string {
  // With a name given for it, the command is a secret.
  const shown = hidden ? "the program" : show(program);
  switch (read(cause, "code")) {
    case "ENOENT":
      if (/No such cwd/.test(textOf(cause))) return `its "cwd" must be a folder: there is no ${show(`${cwd}`)}`;
      if (/\s/.test(program)) {
        return `its program must be there, and no shell takes a command apart: ${shown} was not found ` +
          `(write ["git", "log"], or ["sh", "-c", "git log | wc"])`;
      }
      return `its program must be there: ${shown} was not found (is it installed, and on PATH?)`;
    case "EACCES":
      return `its program must be a file that may be run: ${shown} is not executable`;
    case "E2BIG":
      return "its arguments and environment must fit into what the system has room for: they are too long";
    case "EMFILE":
    case "ENFILE":
      return "there must be files left to open for its pipes: too many are open";
    default:
      return `the system must be able to: ${hidden ? read(cause, "name") : textOf(cause)}`;
  }
}

/** The end of what a process has said, to be put below a message. */
function lastLines(stderr: string | Uint8Array | null): string {
  if (stderr === null) return "";
  const text = typeof stderr === "string" ? stderr : new TextDecoder().decode(stderr);
  if (text.trim() === "") return "";
  const lines = text.trimEnd().split("\n").slice(-MOST_LINES);
  return lines.map((line) => `\n${shorten(escapeControls(line), LONGEST_LINE)}`).join("");
}
