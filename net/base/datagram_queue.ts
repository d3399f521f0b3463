/** Datagrams that wait for a receiver: a bounded queue, which drops what comes when it is full. */

import type { Datagram } from "../../core/lowlevel.ts";

/** See the header. */
export class DatagramQueue {
  readonly #room: number;
  readonly #waiting: Datagram[] = [];
  #receiver: { resolve(datagram: Datagram): void; reject(error: unknown): void } | null = null;
  #end: { readonly error: unknown } | null = null;
  dropped = 0;

  constructor(room: number) {
    this.#room = room;
  }

  /** How many wait. */
  get size(): number {
    return this.#waiting.length;
  }

  /** One has come. */
  add(datagram: Datagram): void {
    const receiver = this.#receiver;
    if (this.#end !== null) return;
    if (receiver !== null) {
      this.#receiver = null;
      receiver.resolve(datagram);
    } else if (this.#waiting.length < this.#room) this.#waiting.push(datagram);
    else this.dropped++;
  }

  /** The next one; at the end of all, what ended it. */
  next(): Promise<Datagram> {
    const first = this.#waiting.shift();
    if (first !== undefined) return Promise.resolve(first);
    if (this.#end !== null) return Promise.reject(this.#end.error);
    return new Promise((resolve, reject) => this.#receiver = { resolve, reject });
  }

  /** Nothing more comes. */
  end(error: unknown): void {
    this.#end ??= { error };
    this.#receiver?.reject(error);
    this.#receiver = null;
  }
}
