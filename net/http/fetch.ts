/**
 * `fetch` under scopes.
 *
 * The request is aborted by the scope in which it was made, the reading of the body by the scope in which that is
 * read: two different ones if a timeout is meant for the headers alone. So no signal is kept for later; every wait,
 * of the headers and of each part of the body, is a wait of the run that aborts the request when it is cancelled. The
 * response is the host's own, with its methods replaced on the object: wrapping it in a new `Response` would lose its
 * URL, and with it the origin of relative links.
 */

import { beginHostOperation, currentRun, suspend } from "../../core/lowlevel.ts";

// Taken at import, so that a program can put this one in its place.
const hostFetch = globalThis.fetch;

/** The methods that read a whole body. */
const READERS = ["arrayBuffer", "blob", "bytes", "formData", "json", "text"] as const;

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
 * @param input The URL, or a request.
 * @param init The options of the global `fetch`.
 * @returns The response.
 * @throws {TypeError} If the request cannot be made, or the server cannot be reached.
 * @category HTTP
 */
export function fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
  let wait: Wait;
  let begin: () => Promise<Response>;
  try {
    // A request may stand in for the options, too; its properties are no own ones, which the copy below would lose.
    const [target, own] = init instanceof Request ? [new Request(input, init), {}] : [input, init ?? {}];
    const controller = new AbortController();
    const others = [own.signal, target instanceof Request ? target.signal : null].filter((signal) =>
      signal instanceof AbortSignal
    );
    const signal = others.length === 0 ? controller.signal : AbortSignal.any([controller.signal, ...others]);
    currentRun().network?.requireHost?.("fetch", target instanceof Request ? target.url : String(target));
    const method = own.method ?? (target instanceof Request ? target.method : "GET");
    wait = new Wait(controller, `${method} ${target instanceof Request ? target.url : String(target)}`);
    begin = () => hostFetch(target, { ...own, signal });
  } catch (error) {
    return Promise.reject(error);
  }
  // Adopted within the wait: a promise of our own behind it would be one more whose rejection somebody must see.
  return wait.for("fetch", async () => adopt(await begin(), wait));
}

/** The waits of one request. */
class Wait {
  readonly #controller: AbortController;
  readonly #label: string;

  constructor(controller: AbortController, label: string) {
    this.#controller = controller;
    this.#label = label;
  }

  /**
   * Waits for a part of the work of the host; cancelled, it aborts the request, and waits until the host has noticed.
   */
  for<T>(kind: string, begin: () => Promise<T>): Promise<T> {
    let cancelled: unknown;
    return suspend<T>(
      { kind, label: this.#label },
      (waker) => {
        const operation = beginHostOperation(`${kind} ${this.#label}`);
        // A promise made by the host, also where `begin` throws.
        new Promise<T>((resolve) => resolve(begin())).then((value) => {
          operation.end();
          // The host was quicker than the abort: there is nothing to give the value to.
          if (cancelled === undefined) waker.wake(value);
          else waker.fail(cancelled);
        }, (error) => {
          operation.end();
          waker.fail(cancelled ?? error);
        });
      },
      (reason) => {
        cancelled = reason;
        this.#controller.abort(reason);
        return false;
      },
    );
  }
}

/** Puts the reading of a response's body under the scopes of its readers. */
function adopt(response: Response, wait: Wait): Response {
  for (const name of READERS) {
    const read = response[name].bind(response) as () => Promise<unknown>;
    define(response, name, { value: () => wait.for("read body of", read) });
  }
  let body: ReadableStream<Uint8Array<ArrayBuffer>> | null | undefined;
  const clone = response.clone.bind(response);
  define(response, "clone", {
    value: () => {
      const copy = adopt(clone(), wait);
      // The host has put a new stream in the place of the one that both now read from.
      body = undefined;
      return copy;
    },
  });
  const host = Object.getOwnPropertyDescriptor(Response.prototype, "body") as { get(): Response["body"] };
  define(response, "body", {
    get: () => {
      if (body === undefined) {
        const inner = host.get.call(response);
        body = inner === null ? null : under(inner, wait);
      }
      return body;
    },
  });
  return response;
}

/** The same stream, read under the scopes of whoever pulls. */
function under(
  inner: ReadableStream<Uint8Array<ArrayBuffer>>,
  wait: Wait,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  let reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>> | undefined;
  /** Written by `pull()`: whether a read is under way. */
  let reading = false;
  return new ReadableStream({
    type: "bytes",
    // Returns at once: until a pull is over, the stream makes the next one in its context, and so in its scope.
    pull(controller) {
      if (reading) return;
      reading = true;
      const source = reader ??= inner.getReader();
      wait.for("read body of", () => source.read()).then(({ done, value }) => {
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
}

function define(response: Response, name: string, property: PropertyDescriptor): void {
  Object.defineProperty(response, name, { configurable: true, ...property });
}
