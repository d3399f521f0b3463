/**
 * The reading of a request's body under the scopes of whoever reads it.
 *
 * The methods are put between the request and its prototype: defining eight properties on each request would cost more
 * than a whole simple request. The host cannot stop reading, so a read that is cancelled is left behind; it ends, at the
 * latest, when the request has been answered.
 */

import { beginHostOperation, BrokenResourceError, suspend } from "../core/mod.ts";
import { isBodyFault } from "./_deno_http.ts";
import { textOf } from "./_wait_for_host.ts";

/** Puts the reading of a request's body under scopes. */
export function adoptRequest(request: Request): void {
  Object.setPrototypeOf(request, ServedRequest.prototype);
}

class ServedRequest extends Request {
  override clone(): Request {
    const copy = super.clone();
    adoptRequest(copy);
    return copy;
  }

  override get body(): Request["body"] {
    const body = super.body;
    return body === null ? null : under(body);
  }

  override arrayBuffer(): ReturnType<Request["arrayBuffer"]> {
    return read(() => super.arrayBuffer());
  }

  override blob(): ReturnType<Request["blob"]> {
    return read(() => super.blob());
  }

  override bytes(): ReturnType<Request["bytes"]> {
    return read(() => super.bytes());
  }

  override formData(): ReturnType<Request["formData"]> {
    return read(() => super.formData());
  }

  override json(): ReturnType<Request["json"]> {
    return read(() => super.json());
  }

  override text(): ReturnType<Request["text"]> {
    return read(() => super.text());
  }
}

/** The same stream; iterating it is a wait, and what a cancelled one would have got comes first in the next. */
function under(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  if (Object.hasOwn(body, Symbol.asyncIterator)) return body;
  const iterate = (options: { readonly preventCancel?: boolean } = {}) =>
    new BodyIterator(body.getReader(), options.preventCancel ?? false);
  for (const name of ["values", Symbol.asyncIterator]) {
    Object.defineProperty(body, name, { configurable: true, writable: true, value: iterate });
  }
  return body;
}

class BodyIterator implements AsyncIterableIterator<Uint8Array<ArrayBuffer>> {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>;
  readonly #preventCancel: boolean;
  /** The read in flight. One that was cancelled is left here for the next call. */
  #reading: Promise<ReadableStreamReadResult<Uint8Array<ArrayBuffer>>> | null = null;

  constructor(
    reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>,
    preventCancel: boolean,
  ) {
    this.#reader = reader;
    this.#preventCancel = preventCancel;
  }

  next(): Promise<IteratorResult<Uint8Array<ArrayBuffer>>> {
    return read(async () => {
      const reading = this.#reading ??= this.#reader.read();
      const { done, value } = await reading;
      return done ? { done, value: undefined } : { done, value };
    }, () => this.#reading = null);
  }

  async return(): Promise<IteratorResult<Uint8Array<ArrayBuffer>>> {
    // Also called after a failed read by `Array.fromAsync()`, which, of Deno 2.9.6, spins for ever if this rejects.
    if (!this.#preventCancel) await this.#reader.cancel().catch(() => {});
    this.#reader.releaseLock();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

/** Waits for the host to read; the wait can be cancelled, the reading cannot. `taken` is called with its end. */
function read<T>(begin: () => Promise<T>, taken: () => void = () => {}): Promise<T> {
  return suspend<T>({ kind: "read body of request" }, (waker) => {
    const operation = beginHostOperation("read body of request");
    // A promise made by the host, also where `begin` throws.
    Promise.try(begin).then((value) => {
      operation.end();
      if (waker.wake(value)) taken();
    }, (error) => {
      operation.end();
      if (waker.fail(translate(error))) taken();
    });
  }, () => true);
}

/** What the host says when the client ends in the middle of a body, or sends what is not one, is about the connection. */
function translate(error: unknown): unknown {
  if (!isBodyFault(error, true)) return error;
  return new BrokenResourceError(
    `Cannot read the body of the request as the connection broke: ${textOf(error)}`,
    { cause: error },
  );
}
