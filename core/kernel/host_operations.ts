/**
 * The operations of the host that a run has in flight: reads, accepts, connects, everything that only the outside
 * world can finish. Without this list nobody could tell "waits for the network" from "waits for ever".
 *
 * A linked list, oldest first: beginning and ending one is what every read of every stream pays.
 */

import type { RunCore } from "./node.ts";

/** An operation in flight; `end()` once it is over, well or badly. */
export class OperationInFlight {
  next: OperationInFlight | null = null;
  prev: OperationInFlight | null = null;
  /** When it began, in milliseconds on the run's clock, as coarse as that time is. */
  readonly since: number;
  #list: HostOperations | null;

  constructor(readonly label: string, list: HostOperations) {
    this.#list = list;
    this.since = list.time;
    list.add(this);
  }

  /** Takes the operation off the list. Harmless when repeated. */
  end(): void {
    this.#list?.remove(this);
    this.#list = null;
  }
}

/** See the header. */
export class HostOperations {
  #first: OperationInFlight | null = null;
  #last: OperationInFlight | null = null;
  #size = 0;
  readonly #run: RunCore;

  constructor(run: RunCore) {
    this.#run = run;
  }

  /** How many are in flight. */
  get size(): number {
    return this.#size;
  }

  /** The coarse time of the run. */
  get time(): number {
    return this.#run.time;
  }

  /** All of them, oldest first. */
  *[Symbol.iterator](): Generator<OperationInFlight> {
    for (let op = this.#first; op !== null; op = op.next) yield op;
  }

  /** Their labels, oldest first. */
  labels(): string[] {
    const labels: string[] = [];
    for (let op = this.#first; op !== null; op = op.next) labels.push(op.label);
    return labels;
  }

  /** Called by a new operation. */
  add(op: OperationInFlight): void {
    op.prev = this.#last;
    if (this.#last === null) this.#first = op;
    else this.#last.next = op;
    this.#last = op;
    this.#size++;
    this.#run.instruments?.hostOperationStarted(op);
  }

  /** Called by an operation that ends. The outside world has moved, so the coarse time is read anew. */
  remove(op: OperationInFlight): void {
    const { next, prev } = op;
    if (prev === null) this.#first = next;
    else prev.next = next;
    if (next === null) this.#last = prev;
    else next.prev = prev;
    op.next = op.prev = null;
    this.#size--;
    this.#run.refreshTime();
    this.#run.instruments?.hostOperationEnded(op);
    // The operation of an abandoned wait wakes nobody, but a clock may have waited for its end.
    if (this.#size === 0 && this.#run.running === 0 && this.#run.living > 0) this.#run.allWaiting();
  }
}
