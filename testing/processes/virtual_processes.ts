/** The processes of a simulation, as its tests see them; the mechanism is in `driver/simulated_processes.ts`. */

import type { MemoryReceiveChannel } from "../../core/mod.ts";
import type { ReceiveStream, SendStream, TextSender } from "../../net/mod.ts";

/**
 * A process in memory, as the program that runs in it sees it.
 *
 * @category Simulation
 */
export interface VirtualProcess {
  /** Its number; they count from 1. */
  readonly pid: number;
  /** The arguments, without the name of the program. */
  readonly args: readonly string[];
  /** The variables that were given to it: those of the test's own process are not among them. */
  readonly env: Readonly<Record<string, string>>;
  /** The folder it runs in, if one was given. */
  readonly cwd: string | undefined;
  /** Its input; at its end at once if it has none. */
  readonly stdin: ReceiveStream;
  /** Its output. What nobody reads is dropped, unless it is a pipe. */
  readonly stdout: SendStream & TextSender;
  /** Its output of errors. */
  readonly stderr: SendStream & TextSender;
  /**
   * The signals that it gets. From the first look at this property on, the program handles them: they do not end it any
   * more, except for SIGKILL.
   */
  readonly signals: MemoryReceiveChannel<string>;
}

/**
 * A program in memory. What it returns is its exit code, 0 if that is nothing.
 *
 * SIGTERM and its kind cancel it, unless it looks at its `signals`; SIGKILL ends it without cleanup. A send on an
 * output that nobody reads any more ends it by SIGPIPE, unless it catches that. Any other error that it throws fails
 * the test.
 *
 * @category Simulation
 */
export type VirtualProgram = (process: VirtualProcess) => number | void | Promise<number | void>;

/**
 * A program in memory that says something and exits.
 *
 * @category Simulation
 */
export interface ProcessScript {
  /** What it writes to its output. */
  readonly stdout?: string;
  /** What it writes to its output of errors. */
  readonly stderr?: string;
  /**
   * Its exit code.
   *
   * @default {0}
   */
  readonly code?: number;
  /**
   * When it does so, in milliseconds of simulated time after its start.
   *
   * @default {0}
   */
  readonly after?: number;
}

/**
 * The processes of a simulation: see `Simulation.processes`.
 *
 * @category Simulation
 */
export interface VirtualProcesses {
  /**
   * Says what a program does, by its name. A later definition takes the place of an earlier one.
   *
   * @param program The name, as the code under test gives it.
   * @param does A function, or what it writes and with which code it exits.
   * @throws {TypeError} If one of them is of the wrong kind.
   */
  define(program: string, does: VirtualProgram | ProcessScript): void;
  /** What was started, which signals were sent, and how it has exited: a line each, with its time. */
  log(): readonly string[];
}
