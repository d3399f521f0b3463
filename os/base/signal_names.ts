/** The names of signals, checked before any effect. */

import { show } from "../../core/internal.ts";

/** Those of `Deno.Signal`: of all systems together. Which of them this system has, the host says. */
const NAMES: ReadonlySet<unknown> = new Set<Deno.Signal>([
  ...["SIGABRT", "SIGALRM", "SIGBREAK", "SIGBUS", "SIGCHLD", "SIGCONT", "SIGEMT", "SIGFPE", "SIGHUP"] as const,
  ...["SIGILL", "SIGINFO", "SIGINT", "SIGIO", "SIGKILL", "SIGPIPE", "SIGPROF", "SIGPWR", "SIGQUIT"] as const,
  ...["SIGPOLL", "SIGSEGV", "SIGSTKFLT", "SIGSTOP", "SIGSYS", "SIGTERM", "SIGTRAP", "SIGTSTP", "SIGTTIN"] as const,
  ...["SIGTTOU", "SIGURG", "SIGUSR1", "SIGUSR2", "SIGVTALRM", "SIGWINCH", "SIGXCPU", "SIGXFSZ", "SIGUNUSED"] as const,
]);

/** Requires the name of a signal. */
export function requireSignal(action: string, name: string, value: unknown): void {
  if (NAMES.has(value)) return;
  throw new TypeError(
    `Cannot ${action} as "${name}" must be the name of a signal, such as "SIGHUP": received ${show(value)}`,
  );
}
