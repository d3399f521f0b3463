/**
 * The requests of a server whose bodies may still be read.
 *
 * A shutdown of the host's server fails, at once, the reading of every body (Deno 2.9.6), also of one that has arrived. So
 * it has to wait until none is left.
 */

import { Event } from "../core/mod.ts";

/** See the header. */
export class Uploads {
  readonly #requests = new Set<Request>();
  /** Set when the last one ends. Written by `over()`. */
  #last: Event | null = null;

  /** A request has come. */
  begin(request: Request): void {
    this.#requests.add(request);
  }

  /** Its body is read to the end, or the request is over. Harmless when repeated. */
  end(request: Request): void {
    if (this.#requests.delete(request) && this.#requests.size === 0) this.#last?.set();
  }

  /** Waits until no body is left that may be read. */
  async over(): Promise<void> {
    if (this.#requests.size === 0) return;
    await (this.#last = new Event()).wait();
  }
}
