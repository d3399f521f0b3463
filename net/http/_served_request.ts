/**
 * The reading of a request's body under the scopes of whoever reads it.
 *
 * The methods are put between the request and its prototype: defining eight properties on each request would cost more
 * than a whole simple request. The host cannot stop reading, so a read that is cancelled is left behind; it ends, at the
 * latest, when the request has been answered.
 */

import { beginHostOperation, BrokenResourceError, suspend } from "../../core/mod.ts";
import { isBodyFault } from "./_deno_http.ts";
import { textOf } from "../_wait_for_host.ts";

/** What to call when a body is read to the end. */
const ends = new WeakMap<Request, () => void>();
/** What to call when the rest of a body that was asked for as a stream is not wanted any more. */
const breakOffs = new WeakMap<Request, () => void>();

/** Puts the reading of a request's body under scopes; `ended` is called when it is read to the end. */
export function adoptRequest(request: Request, ended: () => void): void {
  ends.set(request, ended);
  Object.setPrototypeOf(request, ServedRequest.prototype);
}

/**
 * Ends the reading of a body that has been begun and not finished. The host keeps a connection for whoever might read on
 * (Deno 2.9.6): it would neither take another request nor be closed by a shutdown.
 */
export function abandonBody(request: Request): void {
  breakOffs.get(request)?.();
}

class ServedRequest extends Request {
  override clone(): Request {
    const copy = super.clone();
    // The body of the request is not at its end when that of a copy is.
    Object.setPrototypeOf(copy, ServedRequest.prototype);
    return copy;
  }

  override get body(): Request["body"] {
    const body = super.body;
    return body === null ? null : under(body, this);
  }

  override arrayBuffer(): ReturnType<Request["arrayBuffer"]> {
    return readAll(this, () => super.arrayBuffer());
  }

  override blob(): ReturnType<Request["blob"]> {
    return readAll(this, () => super.blob());
  }

  override bytes(): ReturnType<Request["bytes"]> {
    return readAll(this, () => super.bytes());
  }

  override formData(): ReturnType<Request["formData"]> {
    return readAll(this, () => super.formData());
  }

  override json(): ReturnType<Request["json"]> {
    return readAll(this, () => super.json());
  }

  override text(): ReturnType<Request["text"]> {
    return readAll(this, () => super.text());
  }
}

/** The same stream; iterating it is a wait, and what a cancelled one would have got comes first in the next. */
function under(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  request: Request,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  if (Object.hasOwn(body, Symbol.asyncIterator)) return body;
  const ended = ends.get(request);
  let reader: { cancel(): Promise<void> } | undefined;
  const getReader = body.getReader.bind(body) as (options?: unknown) => NonNullable<typeof reader>;
  const define = (name: string | symbol, value: unknown) =>
    Object.defineProperty(body, name, { configurable: true, writable: true, value });
  const iterate = (options: { readonly preventCancel?: boolean } = {}) =>
    new BodyIterator(body.getReader(), options.preventCancel ?? false, ended);
  define("values", iterate);
  define(Symbol.asyncIterator, iterate);
  define("getReader", (options?: unknown) => reader = getReader(options));
  breakOffs.set(request, () => void (body.locked && reader !== undefined ? reader : body).cancel().catch(() => {}));
  return body;
}

class BodyIterator implements AsyncIterableIterator<Uint8Array<ArrayBuffer>> {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>;
  readonly #preventCancel: boolean;
  readonly #ended: (() => void) | undefined;
  /** Reads whose waits were cancelled, for the next calls. Written by `next()` alone. */
  readonly #left: Promise<ReadableStreamReadResult<Uint8Array<ArrayBuffer>>>[] = [];

  constructor(
    reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>,
    preventCancel: boolean,
    ended: (() => void) | undefined,
  ) {
    this.#ended = ended;
    this.#reader = reader;
    this.#preventCancel = preventCancel;
  }

  next(): Promise<IteratorResult<Uint8Array<ArrayBuffer>>> {
    let reading: Promise<ReadableStreamReadResult<Uint8Array<ArrayBuffer>>>;
    return read(async () => {
      reading = this.#left.shift() ?? this.#reader.read();
      const { done, value } = await reading;
      if (!done) return { done, value };
      this.#ended?.();
      return { done, value: undefined };
    }, () => this.#left.push(reading));
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

/** Reads a whole body. */
function readAll<T>(request: Request, begin: () => Promise<T>): Promise<T> {
  return read(async () => {
    const value = await begin();
    ends.get(request)?.();
    return value;
  });
}

/** Waits for the host to read; the wait can be cancelled, the reading cannot: then it is `left`. */
function read<T>(begin: () => Promise<T>, left: () => void = () => {}): Promise<T> {
  return suspend<T>({ kind: "read body of request" }, (waker) => {
    const operation = beginHostOperation("read body of request");
    // A promise made by the host, also where `begin` throws.
    Promise.try(begin).then((value) => {
      operation.end();
      waker.wake(value);
    }, (error) => {
      operation.end();
      waker.fail(translate(error));
    });
  }, () => {
    left();
    return true;
  });
}

const brokenOff = new WeakSet<object>();

/** Whether an error says that a client broke off its own request. */
export function isClientFault(error: unknown): boolean {
  return brokenOff.has(error as object) || isBodyFault(error, false);
}

/** What the host says when the client ends in the middle of a body, or sends what is not one, is about the connection. */
function translate(error: unknown): unknown {
  if (!isBodyFault(error, true)) return error;
  const broken = new BrokenResourceError(
    `Cannot read the body of the request as the connection broke: ${textOf(error)}`,
    { cause: error },
  );
  brokenOff.add(broken);
  return broken;
}
