/** The messages of failures of workers. */

import { textOf } from "../../core/internal.ts";
import { callbackOf } from "./_callbacks.ts";
import { transfersOf } from "./_transfers.ts";
import { uncloneable } from "./_uncloneable.ts";
import type { Gone } from "./_worker.ts";
import type { WorkersPlan } from "./_plan.ts";
import { WorkerCrashedError } from "./worker_errors.ts";

/** What a call fails with whose worker is gone; without a name, what the start of one fails with. */
export function crashError(
  { module, moduleName }: WorkersPlan,
  functionName: string | null,
  { exit, said }: Gone,
): WorkerCrashedError {
  const must = functionName === null
    ? `start a worker of ${moduleName} as its module must load`
    : `call "${functionName}" of ${moduleName} as its worker must live until it answers`;
  const cause = said !== null ? said.error : exit?.error;
  return new WorkerCrashedError(`Cannot ${must}: ${howGone(said, exit, cause)}`, {
    module,
    functionName,
    exitCode: exit?.code ?? null,
    signal: exit?.signal ?? null,
    ...cause === undefined ? {} : { cause },
  });
}

function howGone(said: Gone["said"], exit: Gone["exit"], cause: unknown): string {
  if (said?.type === "crash") return `an error was not caught in it, ${textOf(cause)}`;
  if (cause !== undefined) return textOf(cause);
  if (exit?.signal) return `it was ended by ${exit.signal}`;
  return typeof exit?.code === "number" ? `it has exited with code ${exit.code}` : "it has ended";
}

/** Why too many have crashed to start another one. */
export function brokenError({ module, moduleName }: WorkersPlan, crashes: number, cause: unknown): WorkerCrashedError {
  return new WorkerCrashedError(
    `Cannot start a worker of ${moduleName} as one must have lived to answer a call: the first ${crashes} have crashed`,
    { module, cause },
  );
}

/** What is wrong with the arguments of a call; `cause` is what the host has said, if it was asked already. */
export function argumentFault(
  { kind }: WorkersPlan,
  name: string,
  args: readonly unknown[],
  cause?: unknown,
): TypeError | null {
  for (const [index, arg] of args.entries()) {
    const callback = callbackOf(arg);
    if (callback?.blocking === true && kind === "process") {
      return new TypeError(
        `Cannot call "${name}" with a blocking callback as its worker must be a thread: it is a process, use callback()`,
      );
    }
    const fault = callback === null ? uncloneable(arg, kind) ?? (cause === undefined ? null : refusal(arg)) : null;
    if (fault === null) continue;
    return new TypeError(
      `Cannot call "${name}" as each argument must be something that can be cloned: argument ${index + 1}, ${fault}`,
      ...cause === undefined ? [] : [{ cause }],
    );
  }
  return null;
}

/** Why the host refuses to clone something; `null` if it does not. */
function refusal(value: unknown): string | null {
  if (transfersOf([value]).length > 0) return null;
  if (typeof value === "function") return "it is a function, use callback(fn)";
  try {
    structuredClone(value);
    return null;
  } catch (error) {
    return textOf(error);
  }
}
