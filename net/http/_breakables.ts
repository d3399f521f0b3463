/**
 * The requests of a server that a shutdown of the host's would break.
 *
 * It fails, at once, the reading of every body (Deno 2.9.6), also of one that has arrived, and closes every WebSocket, also
 * one that a handler under way has yet to open. So it has to wait until no body is left that may be read, no conversation,
 * and no request that may become one.
 */

import { Event } from "../../core/mod.ts";
import { hostImmediate as nextTurn } from "../../core/internal.ts";
import { waitForHost } from "../_wait_for_host.ts";

/** See the header. */
export class Breakables {
  readonly #requests = new Set<Request>();
  /** Those under way without a body: whether they ask for an upgrade is looked at only by `over()`, as it costs time. */
  readonly #plain = new Set<Request>();
  /** Set when the last one ends. Written by `over()`. */
  #last: Event | null = null;

  /** A request with a body has come, or one is answered with a WebSocket. */
  begin(request: Request): void {
    this.#requests.add(request);
  }

  /** The handler of a request is under way, which may become a conversation. */
  beginPlain(request: Request): void {
    this.#plain.add(request);
  }

  /** Its body is read to the end, or the request is over. Harmless when repeated. */
  end(request: Request): void {
    this.#plain.delete(request);
    if (this.#requests.delete(request) && this.#requests.size === 0) this.#last?.set();
  }

  /** Waits until there is none; called once, when no more come. */
  async over(): Promise<void> {
    // Handlers are called in the turn in which their request comes, but not at once.
    await waitForHost("begin the shutdown", () => new Promise<void>((resolve) => nextTurn(resolve)));
    for (const request of this.#plain) {
      if (request.headers.has("upgrade")) this.#requests.add(request);
    }
    if (this.#requests.size === 0) return;
    await (this.#last = new Event()).wait();
  }
}
