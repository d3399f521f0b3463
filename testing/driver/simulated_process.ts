/** One process in memory: a task of the simulation, with pipes, that ends by itself, by a signal, or at once. */

import {
  BrokenResourceError,
  isOnlyCancelled,
  type MemoryReceiveChannel,
  type MemorySendChannel,
  openMemoryChannel,
  type Task,
} from "../../core/mod.ts";
import type { HostProcess, ProcessSpawnOptions, ProcessStatus } from "../../core/lowlevel.ts";
import type { ReceiveStream, SendStream, TextSender } from "../../net/mod.ts";
import { ambientDriver } from "./ambient.ts";
import { endAtOnce } from "./end_at_once.ts";
import { type Tracked, trackOpen } from "./leaks.ts";
import { memoryStreamOneWayPair } from "../streams/memory_stream.ts";
import type { VirtualProcess, VirtualProgram } from "../processes/virtual_processes.ts";

/** The signals that end a process which does not handle them, by their numbers on Linux. */
const ENDING: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGUSR2: 12,
  SIGPIPE: 13,
  SIGALRM: 14,
  SIGTERM: 15,
};

/** Where its task runs. */
export interface Place {
  startSoon(fn: () => Promise<void>, options: { readonly name: string }): Task<void>;
}

type Sending = SendStream & TextSender;
type Pipe = readonly [send: Sending, receive: ReceiveStream];

/** See the header. */
export class Process {
  /** What the program sees. */
  readonly inside: VirtualProcess;
  /** What the one that has started it sees. */
  readonly outside: HostProcess;
  readonly #pid: number;
  readonly #log: (line: string) => void;
  readonly #pipes: Readonly<Record<"stdin" | "stdout" | "stderr", Pipe>>;
  readonly #options: ProcessSpawnOptions;
  readonly #signals: readonly [MemorySendChannel<string>, MemoryReceiveChannel<string>] = openMemoryChannel<string>(
    Infinity,
  );
  /** Whether it handles its signals. Written by the getter of `inside.signals`. */
  #handles = false;
  /** The signal that has cancelled it. */
  #endedBy: string | null = null;
  #task: Task | null = null;
  /** A leak until it has exited by itself, or been ended. */
  readonly #open: Tracked;
  readonly #driver = ambientDriver();
  #exited = false;
  #settle!: (status: ProcessStatus) => void;

  constructor(pid: number, options: ProcessSpawnOptions, log: (line: string) => void) {
    const { command: [program, ...args], env = {}, cwd } = options;
    this.#pid = pid;
    this.#log = log;
    this.#open = trackOpen(`process ${program} (pid ${pid})`);
    this.#options = options;
    const pipe = (name: string): Pipe => memoryStreamOneWayPair({ name: `${name} of ${program} (pid ${pid})` });
    // What is no pipe is dropped, however much it is.
    const output = (name: "stdout" | "stderr"): Pipe =>
      options[name] === "piped" ? pipe(name) : memoryStreamOneWayPair({ capacity: Infinity });
    this.#pipes = { stdin: pipe("stdin"), stdout: output("stdout"), stderr: output("stderr") };
    const { stdin, stdout, stderr } = this.#pipes;
    if (options.stdin !== "piped") stdin[0].close();
    const handles = (): MemoryReceiveChannel<string> => {
      this.#handles = true;
      return this.#signals[1];
    };
    this.inside = {
      pid,
      args,
      env,
      cwd: cwd === undefined ? undefined : `${cwd}`,
      stdin: stdin[1],
      stdout: stdout[0],
      stderr: stderr[0],
      get signals() {
        return handles();
      },
    };
    this.outside = {
      pid,
      stdin: options.stdin === "piped" ? stdin[0] : null,
      stdout: options.stdout === "piped" ? stdout[1] : null,
      stderr: options.stderr === "piped" ? stderr[1] : null,
      status: new Promise((resolve) => this.#settle = resolve),
      kill: (signal) => this.#kill(signal),
    };
  }

  /** Begins to run a program in it. */
  begin(program: VirtualProgram, place: Place): void {
    this.#log(`start ${this.#options.command.join(" ")} (pid ${this.#pid})`);
    const name = `process ${this.#options.command[0]} (pid ${this.#pid})`;
    this.#task = place.startSoon(() => this.#run(program), { name });
  }

  async #run(program: VirtualProgram): Promise<void> {
    try {
      const code = await program(this.inside) ?? 0;
      if (!Number.isInteger(code) || code < 0 || code > 255) {
        throw new RangeError(
          `Cannot exit as the code of a process must be a whole number from 0 to 255: received ${code}`,
        );
      }
      this.#exit(code, null);
    } catch (error) {
      if (isOnlyCancelled(error)) {
        // Without a signal it is the simulation that ends: it was left behind.
        this.#exit(null, this.#endedBy ?? "SIGKILL", this.#endedBy === null);
        throw error;
      }
      // As a program that writes to a pipe which nobody reads.
      if (this.#nobodyReads(error)) return this.#exit(null, "SIGPIPE");
      this.#exit(1, null);
      throw error;
    }
  }

  #nobodyReads(error: unknown): boolean {
    return error instanceof BrokenResourceError && this.#options.stdout === "piped";
  }

  #kill(signal: string): void {
    if (this.#exited) throw new TypeError("Cannot send a signal as the process must not have exited: it has");
    this.#log(`${signal} to pid ${this.#pid}`);
    if (signal === "SIGKILL") return this.#die();
    if (this.#handles) return void this.#signals[0].trySend(signal);
    if (ENDING[signal] === undefined) return;
    this.#endedBy ??= signal;
    this.#task?.cancel(`${signal} was sent to its process`, { source: "signal" });
  }

  /** Ends it without cleanup. */
  #die(): void {
    endAtOnce(this.#driver, [this.#task as Task], "its process was killed");
    this.#exit(null, "SIGKILL");
  }

  #exit(code: number | null, signal: string | null, isLeft = false): void {
    if (this.#exited) return;
    this.#exited = true;
    if (!isLeft) this.#open.close();
    const { stdin, stdout, stderr } = this.#pipes;
    for (const end of [stdin[1], stdout[0], stderr[0], ...this.#signals]) end.close();
    // The other ends are nobody's.
    for (const [name, [send, receive]] of Object.entries({ stdin, stdout, stderr })) {
      if (this.#options[name as "stdin"] === "piped") continue;
      send.close();
      receive.close();
    }
    this.#log(`pid ${this.#pid} ${signal === null ? `exits with code ${code}` : `is ended by ${signal}`}`);
    this.#settle({ success: code === 0, code: code ?? 128 + (ENDING[signal as string] ?? 0), signal });
  }
}
