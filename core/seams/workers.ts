/**
 * The seam to workers: what a run needs of the host to have functions called elsewhere, in a thread or a process.
 *
 * Tests put workers in memory here. Only types: the core itself starts nothing. The default implementation, and what is
 * in the messages, are in `os/`. What answers calls at the other end is handed through the seam, as a function: a worker
 * in memory needs to know nothing of calls, only of messages.
 */

/**
 * How a worker has ended.
 *
 * @category Low level
 */
export interface WorkerExit {
  /** Its exit code, if it has one. */
  readonly code: number | null;
  /** The signal that has ended it, or `null`. */
  readonly signal: string | null;
  /** What the host says it has ended with; `undefined` if that is nothing. */
  readonly error: unknown;
}

/**
 * The other end of a worker, as what answers calls there sees it.
 *
 * @category Low level
 */
export interface WorkerPort {
  /** What the worker is. */
  readonly kind: "thread" | "process";
  /** Loads the module whose functions are called. */
  load(): Promise<object>;
  /** Sends a message to the program, as a clone; what is in `transfer` moves. Throws if it cannot be cloned. */
  send(message: unknown, transfer: readonly Transferable[]): void;
  /** Runs a call of a function, which the signal cancels. */
  run(functionName: string, body: () => unknown, signal: AbortSignal): unknown;
  /** Waits, within a call, until one of the functions is called that `register` gets. */
  wait<T>(register: (resolve: (value: T) => void, reject: (error: unknown) => void) => void): Promise<T>;
  /** Takes in, without waiting, what was sent meanwhile, if that may be a cancellation. */
  look(): void;
  /** Blocks until something was sent, and takes it in; `null` where nothing can block. */
  readonly block: (() => void) | null;
}

/**
 * What answers calls at the other end of a worker.
 *
 * @category Low level
 */
export interface WorkerServer {
  /** Takes in a message of the program. */
  receive(message: unknown): void;
}

/**
 * What to start a worker with.
 *
 * @category Low level
 */
export interface WorkerStartOptions {
  /** The address of the module whose functions are called. */
  readonly module: string;
  /** What it is: a thread of this process, or a process of its own. */
  readonly kind: "thread" | "process";
  /** The most memory that its heap may take, in MiB, if there is a limit. */
  readonly memory?: number;
  /** The flags of Deno that say what it may do, for a process. */
  readonly permissions: readonly string[];
  /** Called with each message of the worker. */
  readonly received: (message: unknown) => void;
  /** Called once, when it has ended. */
  readonly exited: (exit: WorkerExit) => void;
  /** Makes what answers calls in it, for a worker in memory. */
  readonly serve: (port: WorkerPort) => WorkerServer;
}

/**
 * A worker that was started.
 *
 * @category Low level
 */
export interface HostWorker {
  /** Sends a message, as a clone of this very moment; what is in `transfer` moves. Throws if it cannot be cloned. */
  send(message: unknown, transfer: readonly Transferable[]): void;
  /** Lets a call that computes see that it is cancelled, where that is possible. */
  interrupt(call: number): void;
  /** Says whether somebody waits for it: it must not keep the program from ending otherwise. */
  hold(busy: boolean): void;
  /** Ends it when nothing runs in it. */
  end(): void;
  /** Ends it at once. A thread that computes goes on, but does not keep the program from ending. */
  kill(): void;
}

/**
 * Starts workers.
 *
 * @category Low level
 */
export interface WorkerHost {
  /**
   * Whether they are in memory: what waits for a call then waits for the program itself, and the times that belong to a
   * worker are measured on the clock of the run.
   *
   * @default {false}
   */
  readonly inMemory?: boolean;
  /** Starts one. */
  start(options: WorkerStartOptions): Promise<HostWorker>;
}
