/**
 * `fetch` under scopes.
 *
 * The request is aborted by the scope in which it was made, the reading of the body by the scope in which that is
 * read: two different ones if a timeout is meant for the headers alone. So no signal is kept for later; every wait,
 * of the headers and of each part of the body, is a wait of the run that aborts the request when it is cancelled. The
 * response is the host's own: wrapping it in a new `Response` would lose its URL, and with it the origin of relative
 * links. Its methods are put between it and its prototype, as defining eight properties on each would cost more.
 */

import { timeLeft } from "../../core/mod.ts";
import { type NetworkHttp, suspend } from "../../core/lowlevel.ts";
import { noteInMemory } from "../base/streams_in_memory.ts";
import { requireHeaderName } from "../base/check.ts";
import { ambientHttp, beginHttpOperation } from "../host/ambient_http.ts";

const READ = "read body of";

/**
 * The options of `fetch()`: those of the global `fetch`, and one more.
 *
 * @category HTTP
 */
export interface FetchInit extends RequestInit {
  /**
   * The name of a header that tells the server how much time is left, in whole milliseconds. It is sent if a deadline is
   * in effect. A server with the same `deadlineHeader` stops then, too.
   */
  readonly deadlineHeader?: string;
}

/**
 * Makes a request as the global `fetch` does, under the scopes around it.
 *
 * Timeouts and cancellation work without a signal; a signal in `init` counts as well. The body is read under the scopes
 * of the code that reads it, both by `text()` and its kin and by iterating `body`. If you do not want a response,
 * cancel its `body`, as with the global `fetch`: until then the host keeps the connection.
 *
 * **Cancellation:** the request, or the rest of the body, is aborted, and its connection is closed before `Cancelled`
 * is thrown. It is unknown what the server has received or done.
 *
 * @example A request that must be quick
 * ```ts
 * import { failAfter, fetch } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * await using server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, () => new Response("hello"));
 * const text = await failAfter(5_000, async () => {
 *   const response = await fetch(`http://127.0.0.1:${server.addr.port}/`);
 *   return await response.text();
 * });
 * assertEquals(text, "hello");
 * ```
 *
 * @example A server that knows how long it is waited for
 * ```ts
 * import { fetch, httpServer, moveOnAfter, openNursery, timeLeft } from "@trefoil/io";
 * import { assert } from "@std/assert";
 *
 * const deadlineHeader = "x-time-left";
 * const server = httpServer(() => new Response(`${timeLeft()}`), { hostname: "127.0.0.1", port: 0, deadlineHeader });
 * await openNursery(async (nursery) => {
 *   const [{ port }] = await nursery.start(server);
 *   await moveOnAfter(5_000, async () => {
 *     const response = await fetch(`http://127.0.0.1:${port}/`, { deadlineHeader });
 *     assert(Number(await response.text()) <= 5_000);
 *   });
 *   nursery.cancel();
 * });
 * ```
 *
 * @param input The URL, or a request.
 * @param init The options of the global `fetch`, and how to tell the server the deadline.
 * @returns The response.
 * @throws {TypeError} If the request cannot be made, or the server cannot be reached.
 * @category HTTP
 */
export function fetch(input: RequestInfo | URL, init?: FetchInit): Promise<Response> {
  let wait: Wait;
  let begin: () => Promise<Response>;
  try {
    // A request may stand in for the options, too; its properties are no own ones, which the copy below would lose.
    const [target, own] = init instanceof Request ? [new Request(input, init), {}] : [input, withDeadline(input, init)];
    const controller = new AbortController();
    const others = [own.signal, target instanceof Request ? target.signal : null].filter((signal) =>
      signal instanceof AbortSignal
    );
    const signal = others.length === 0 ? controller.signal : AbortSignal.any([controller.signal, ...others]);
    const url = target instanceof Request ? target.url : String(target);
    const http = ambientHttp("fetch", url);
    const method = own.method ?? (target instanceof Request ? target.method : "GET");
    wait = new Wait(http, controller, signal, `${method} ${url}`);
    begin = () => http.fetch(target, { ...own, signal });
  } catch (error) {
    return Promise.reject(error);
  }
  // Adopted within the wait: a promise of our own behind it would be one more whose rejection somebody must see.
  return wait.for("fetch", begin, (response) => new FetchedResponse(response, wait));
}

/** The options for the host: with the header that tells the deadline, if one is wanted, and there is a deadline. */
function withDeadline(input: RequestInfo | URL, init: FetchInit | null | undefined): RequestInit {
  if (init?.deadlineHeader === undefined) return init ?? {};
  const { deadlineHeader: name, ...own } = init;
  requireHeaderName("fetch", "deadlineHeader", name);
  const left = timeLeft();
  if (left === Infinity) return own;
  const headers = new Headers(own.headers ?? (input instanceof Request ? input.headers : undefined));
  headers.set(name, String(Math.floor(left)));
  return { ...own, headers };
}

/** The waits of one request. */
class Wait {
  readonly #http: NetworkHttp;
  readonly #controller: AbortController;
  /** What the request was made with: by that the network knows it. */
  readonly #signal: AbortSignal;
  readonly #label: string;

  constructor(http: NetworkHttp, controller: AbortController, signal: AbortSignal, label: string) {
    this.#http = http;
    this.#controller = controller;
    this.#signal = signal;
    this.#label = label;
  }

  /** Whether it is on a network in memory. */
  get inMemory(): boolean {
    return this.#http.inMemory === true;
  }

  /**
   * Waits for a part of the work of the host; cancelled, it aborts the request, and waits until the host has noticed.
   * What `adopt` makes of the result is what is given.
   */
  for<T>(kind: string, begin: () => Promise<T>, adopt?: (result: T) => T): Promise<T> {
    let cancelled: unknown;
    return suspend<T>(
      { kind, label: this.#label, holder: () => this.#http.answering?.(this.#signal) ?? null },
      (waker) => {
        const operation = beginHttpOperation(this.#http, `${kind} ${this.#label}`);
        const failed = (error: unknown): void => {
          operation.end();
          waker.fail(cancelled ?? error);
        };
        try {
          begin().then((value) => {
            operation.end();
            // The host was quicker than the abort: there is nothing to give the value to.
            if (cancelled === undefined) waker.wake(adopt === undefined ? value : adopt(value));
            else waker.fail(cancelled);
          }, failed);
        } catch (error) {
          failed(error);
        }
      },
      (reason) => {
        cancelled = reason;
        this.#controller.abort(reason);
        return false;
      },
    );
  }
}

/** A class of the host's responses as they are: its constructor returns the one that it is given. */
const HostResponse = function (response: Response): Response {
  return response;
} as unknown as new (response: Response) => Response;
HostResponse.prototype = Response.prototype;

/** The host's own response, whose body is read under the scopes of its readers. */
class FetchedResponse extends HostResponse {
  static {
    // It stays one of the host's for everybody who asks.
    Object.defineProperty(FetchedResponse.prototype, "constructor", { value: Response });
  }

  readonly #wait: Wait;
  /** As it was given out. Written by `clone()`, too. */
  #body: Response["body"] | undefined;

  /** Adopts a response. */
  constructor(response: Response, wait: Wait) {
    super(response);
    this.#wait = wait;
    Object.setPrototypeOf(this, FetchedResponse.prototype);
  }

  override get body(): Response["body"] {
    if (this.#body === undefined) {
      const inner = super.body;
      this.#body = inner === null ? null : under(inner, this.#wait);
    }
    return this.#body;
  }

  override clone(): Response {
    const copy = new FetchedResponse(super.clone(), this.#wait);
    // The host has put a new stream in the place of the one that both now read from.
    this.#body = undefined;
    return copy;
  }

  override arrayBuffer(): ReturnType<Response["arrayBuffer"]> {
    return this.#wait.for(READ, () => super.arrayBuffer());
  }

  override blob(): ReturnType<Response["blob"]> {
    return this.#wait.for(READ, () => super.blob());
  }

  override bytes(): ReturnType<Response["bytes"]> {
    return this.#wait.for(READ, () => super.bytes());
  }

  override formData(): ReturnType<Response["formData"]> {
    return this.#wait.for(READ, () => super.formData());
  }

  override json(): ReturnType<Response["json"]> {
    return this.#wait.for(READ, () => super.json());
  }

  override text(): ReturnType<Response["text"]> {
    return this.#wait.for(READ, () => super.text());
  }
}

/** The same stream, read under the scopes of whoever pulls. */
function under(
  inner: ReadableStream<Uint8Array<ArrayBuffer>>,
  wait: Wait,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  let reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>> | undefined;
  /** Written by `pull()`: whether a read is under way. */
  let reading = false;
  const outer: ReadableStream<Uint8Array<ArrayBuffer>> = new ReadableStream({
    type: "bytes",
    // Returns at once: until a pull is over, the stream makes the next one in its context, and so in its scope.
    pull(controller) {
      if (reading) return;
      reading = true;
      const source = reader ??= inner.getReader();
      wait.for(READ, () => source.read()).then(({ done, value }) => {
        reading = false;
        if (!done) return controller.enqueue(value);
        controller.close();
        // A reader with a buffer of its own waits for this.
        controller.byobRequest?.respond(0);
      }).catch((error) => {
        controller.error(error);
        // This stream has failed for good, so nobody can read the rest. A wait that was refused has aborted nothing
        // yet.
        source.cancel(error).catch(() => {});
      });
    },
    cancel: (reason) => reader === undefined ? inner.cancel(reason) : reader.cancel(reason),
  }, { highWaterMark: 0 });
  if (wait.inMemory) noteInMemory(outer);
  return outer;
}
