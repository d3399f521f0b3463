/**
 * The requests of a server that a shutdown of the host's would break.
 *
 * It fails, at once, the reading of every body (Deno 2.9.6), also of one that has arrived, and closes every WebSocket. So
 * it has to wait until no body is left that may be read, and no conversation.
 */

import { Event } from "../../core/mod.ts";

/** See the header. */
export class Breakables {
  readonly #requests = new Set<Request>();
  /** Set when the last one ends. Written by `over()`. */
  #last: Event | null = null;

  /** A request with a body has come, or one is answered with a WebSocket. */
  begin(request: Request): void {
    this.#requests.add(request);
  }

  /** Its body is read to the end, or the request is over. Harmless when repeated. */
  end(request: Request): void {
    if (this.#requests.delete(request) && this.#requests.size === 0) this.#last?.set();
  }

  /** Waits until there is none. */
  async over(): Promise<void> {
    if (this.#requests.size === 0) return;
    await (this.#last = new Event()).wait();
  }
}
