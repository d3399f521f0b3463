/** Signals of the system as values to be received: SIGHUP to reload, SIGUSR2 to rotate, SIGWINCH to draw anew. */

import { BusyResourceError, ClosedResourceError } from "../../core/mod.ts";
import { currentRun, suspend, type Waker } from "../../core/lowlevel.ts";
import { composedWait, inspectable } from "../../core/internal.ts";
import { keepAlive } from "../base/keep_alive.ts";
import { requireSignal } from "../base/signal_names.ts";
import { listen, requireCatchable } from "../host/signals.ts";
import { SignalQueue } from "./_signal_queue.ts";

/**
 * What `statistics()` of a `SignalReceiver` says.
 *
 * @category Signals
 */
export interface SignalStatistics {
  /** The signals that are listened for. */
  readonly signals: readonly Deno.Signal[];
  /** Those that have come and were not received, in the order in which they came. */
  readonly pending: readonly Deno.Signal[];
  /** Tasks blocked in `receive()`: 0 or 1. */
  readonly tasksWaitingReceive: number;
}

/**
 * Receives signals: see `openSignals()`. Iterating it receives for ever; leaving the loop does not close it.
 *
 * @category Signals
 */
export interface SignalReceiver extends Disposable, AsyncIterable<Deno.Signal> {
  /**
   * Takes the oldest signal that has come; waits while there is none.
   *
   * **Cancellation:** throws `Cancelled`; no signal is lost.
   *
   * @example A signal to oneself
   * ```ts
   * import { openSignals } from "@trefoil/io";
   * import { assertEquals } from "@std/assert";
   *
   * using signals = openSignals("SIGUSR2");
   * Deno.kill(Deno.pid, "SIGUSR2");
   * assertEquals(await signals.receive(), "SIGUSR2");
   * ```
   *
   * @returns Its name.
   * @throws {BusyResourceError} If another task is receiving.
   * @throws {ClosedResourceError} If it is closed, before or meanwhile.
   */
  receive(): Promise<Deno.Signal>;
  /** Stops listening; a blocked receive fails. Idempotent. */
  close(): void;
  /** Says what has come and was not received. */
  statistics(): SignalStatistics;
}

const ACTION = "listen for signals";

/**
 * Listens for signals of the system, to receive them one after the other.
 *
 * From this call on they do not do what they would do to a program that does not listen. SIGINT, SIGTERM and SIGQUIT
 * are taken over from `run()`: they cancel nothing, and a second one does not end the program, until this is closed.
 * One that was not received by then goes to whoever had it before. A signal that comes several times before it is
 * received is received once.
 *
 * Close it in the block in which it was opened, best by `using`.
 *
 * **Order:** that in which the signals first came.
 *
 * **Not guaranteed:** that each is received: the system itself makes one of several. SIGUSR1 that comes before this
 * call opens Deno's debugger. Windows has SIGINT, SIGBREAK and SIGHUP alone.
 *
 * @example Reading the configuration anew on SIGHUP
 * ```ts
 * import { openNursery, openSignals } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * let loads = 0;
 * await openNursery(async (nursery) => {
 *   using signals = openSignals("SIGHUP");
 *   nursery.startSoon(async () => void Deno.kill(Deno.pid, "SIGHUP"));
 *   for await (const _ of signals) {
 *     if (++loads === 1) break;
 *   }
 * });
 * assertEquals(loads, 1);
 * ```
 *
 * @param signals Their names; one that is named twice counts once.
 * @returns The receiver, which belongs to the caller.
 * @throws {TypeError} If there is no name, no such signal, or one that cannot be received; nothing is listened for.
 * @category Signals
 */
export function openSignals(...signals: readonly Deno.Signal[]): SignalReceiver {
  if (signals.length === 0) throw new TypeError(`Cannot ${ACTION} as at least one must be named: received none`);
  for (const signal of signals) {
    requireSignal(ACTION, "signal", signal);
    requireCatchable(ACTION, signal);
  }
  return new Receiver(new Set(signals));
}

class Receiver implements SignalReceiver {
  static {
    inspectable(Receiver, "SignalReceiver", (receiver) => ({ ...receiver.statistics() }));
  }

  readonly #signals: ReadonlySet<Deno.Signal>;
  readonly #inMemory: boolean;
  readonly #queue = new SignalQueue();
  readonly #stops = new Map<Deno.Signal, (unseen: boolean) => void>();
  #receiver: Waker<Deno.Signal> | null = null;
  /** Ends what a receive that waits keeps open. */
  #release = (): void => {};
  #closed = false;

  constructor(signals: ReadonlySet<Deno.Signal>) {
    this.#signals = signals;
    const source = currentRun().signals;
    this.#inMemory = source?.inMemory === true;
    try {
      for (const signal of signals) this.#stops.set(signal, listen(signal, () => this.#came(signal), source));
    } catch (error) {
      // One that this system does not have.
      this.close();
      throw error;
    }
  }

  receive(): Promise<Deno.Signal> {
    return suspend<Deno.Signal>({ kind: "receive signal", label: [...this.#signals].join(", ") }, (waker) => {
      if (this.#receiver !== null) {
        const message = "Cannot receive as another task is receiving signals here: let one task do it";
        return void waker.fail(new BusyResourceError(message));
      }
      if (this.#closed) return void waker.fail(new ClosedResourceError("Cannot receive as the signals are closed"));
      const signal = this.#queue.take();
      if (signal !== undefined) return void waker.wake(signal);
      this.#receiver = waker;
      if (!this.#inMemory) this.#release = keepAlive(`signal ${[...this.#signals].join(", ")}`);
    }, () => {
      this.#leave();
      return true;
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const receiver = this.#leave();
    receiver?.fail(new ClosedResourceError("Cannot receive as the signals were closed meanwhile"));
    const { pending } = this.#queue;
    for (const [signal, stop] of this.#stops) stop(pending.includes(signal));
  }

  statistics(): SignalStatistics {
    return {
      signals: [...this.#signals],
      pending: this.#queue.pending,
      tasksWaitingReceive: this.#receiver === null ? 0 : 1,
    };
  }

  [Symbol.dispose](): void {
    this.close();
  }

  [Symbol.asyncIterator](): AsyncIterator<Deno.Signal> {
    return { next: () => composedWait(async () => ({ done: false, value: await this.receive() })) };
  }

  #came(signal: Deno.Signal): void {
    // The host may have begun to tell of it before this was closed.
    if (this.#closed) return;
    const receiver = this.#leave();
    if (receiver?.wake(signal)) return;
    this.#queue.add(signal);
  }

  /** The task that waits waits no more; returns its waker. */
  #leave(): Waker<Deno.Signal> | null {
    const receiver = this.#receiver;
    this.#receiver = null;
    this.#release();
    this.#release = () => {};
    return receiver;
  }
}
