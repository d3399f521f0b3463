/**
 * The reading of a request's body under the scopes of whoever reads it.
 *
 * The methods are put between the request and its prototype: defining eight properties on each request would cost more
 * than a whole simple request. The host cannot stop reading, so a read that is cancelled is left behind; it ends, at the
 * latest, when the request has been answered.
 *
 * Whatever the host fails a read with is the client's doing: it went away, or sent what is not a body. There is no list of
 * such errors, as hosts have more of them than any list. What is not the host's are errors of the language: a body that
 * was read already (`TypeError`), text that is no JSON (`SyntaxError`).
 */

import { BrokenResourceError } from "../../core/mod.ts";
import { beginHostOperation, suspend } from "../../core/lowlevel.ts";
import { isInstance, textOf } from "../../core/internal.ts";
import { isBodyFault } from "../host/deno_http.ts";

/** What to call when the rest of a body that was asked for as a stream is not wanted any more. */
const breakOffs = new WeakMap<Request, () => void>();

/** Puts the reading of a request's body under scopes. */
export function adoptRequest(request: Request): void {
  Object.setPrototypeOf(request, ServedRequest.prototype);
}

/**
 * Ends the reading of a body that has been begun and not finished. The host keeps a connection for whoever might read on
 * (Deno 2.9.6): it would not take another request.
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
  request: Request,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  if (Object.hasOwn(body, Symbol.asyncIterator)) return body;
  let reader: Pick<ReadableStreamDefaultReader<unknown>, "cancel" | "closed"> | undefined;
  const getReader = body.getReader.bind(body) as (options?: unknown) => NonNullable<typeof reader>;
  const define = (name: string | symbol, value: unknown) =>
    Object.defineProperty(body, name, { configurable: true, writable: true, value });
  const iterate = (options: { readonly preventCancel?: boolean } = {}) =>
    new BodyIterator(body.getReader(), options.preventCancel ?? false);
  define("values", iterate);
  define(Symbol.asyncIterator, iterate);
  define("getReader", (options?: unknown) => {
    reader = getReader(options);
    // A reader that is released rejects this as well, with an error of its own.
    reader.closed.catch((error) => {
      if (isOfHost(error)) note(error);
    });
    return reader;
  });
  breakOffs.set(request, () => void (body.locked && reader !== undefined ? reader : body).cancel().catch(() => {}));
  return body;
}

class BodyIterator implements AsyncIterableIterator<Uint8Array<ArrayBuffer>> {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>;
  readonly #preventCancel: boolean;
  /** Reads whose waits were cancelled, for the next calls. Written by `next()` alone. */
  readonly #left: Promise<ReadableStreamReadResult<Uint8Array<ArrayBuffer>>>[] = [];

  constructor(
    reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>,
    preventCancel: boolean,
  ) {
    this.#reader = reader;
    this.#preventCancel = preventCancel;
  }

  next(): Promise<IteratorResult<Uint8Array<ArrayBuffer>>> {
    let reading: Promise<ReadableStreamReadResult<Uint8Array<ArrayBuffer>>>;
    return read(async () => {
      reading = this.#left.shift() ?? this.#reader.read();
      const { done, value } = await reading;
      return done ? { done, value: undefined } : { done, value };
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

/** Waits for the host to read; the wait can be cancelled, the reading cannot: then it is `left`. */
function read<T>(begin: () => Promise<T>, left: () => void = () => {}): Promise<T> {
  return suspend<T>({ kind: "read body of request" }, (waker) => {
    const operation = beginHostOperation("read body of request");
    // A promise made by the host, also where `begin` throws.
    new Promise<T>((resolve) => resolve(begin())).then((value) => {
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

/** The errors that a client has caused by its own request. */
const brokenOff = new WeakSet<object>();

/** Whether an error that a handler has failed with says that a client broke off its own request. */
export function isClientFault(error: unknown): boolean {
  return brokenOff.has(error as object) || isBodyFault(error);
}

function note(error: unknown): void {
  brokenOff.add(error as object);
}

function isOfHost(error: unknown): boolean {
  return !(isInstance(error, TypeError) || isInstance(error, SyntaxError) || isInstance(error, RangeError));
}

/** What the host says when the client ends in the middle of a body, or sends what is not one, is about the connection. */
function translate(error: unknown): unknown {
  if (!isOfHost(error)) return error;
  const text = isInstance(error, Error) ? error.message : textOf(error);
  const broken = new BrokenResourceError(`Cannot read the body of the request as the connection broke: ${text}`, {
    cause: error,
  });
  note(broken);
  return broken;
}
