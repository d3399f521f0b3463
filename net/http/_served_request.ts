/**
 * The reading of a request's body under the scopes of whoever reads it.
 *
 * The methods are put between the request and its prototype: defining eight properties on each request would cost more
 * than a whole simple request. The host cannot stop reading, so a read that is cancelled is left behind; it ends, at
 * the latest, when the request has been answered.
 *
 * Whatever the host fails a read with is the client's doing: it went away, or sent what is not a body. There is no list
 * of such errors, as hosts have more of them than any list. What is not the host's are errors of the language: a body
 * that was read already (`TypeError`), text that is no JSON (`SyntaxError`).
 */

import { BrokenResourceError } from "../../core/mod.ts";
import type { NetworkHttp } from "../../core/lowlevel.ts";
import { hostReason, isInstance, LeftBehind, textOf, type Words } from "../../core/internal.ts";
import { noteInMemory } from "../base/streams_in_memory.ts";
import { isBodyFault } from "../host/deno_http.ts";
import { waitForHost } from "../host/wait_for_host.ts";

const READ = "read body of request";
/** It is never closed: a body ends with its request. */
const WORDS: Words = { action: "read", what: "the body", busy: null };

type Chunk = Uint8Array<ArrayBuffer>;

/** What to call when the rest of a body that was asked for as a stream is not wanted any more. */
const breakOffs = new WeakMap<Request, () => void>();

/** Whose requests they are, if not the host's. */
const sources = new WeakMap<Request, NetworkHttp>();

/** Puts the reading of a request's body under scopes. */
export function adoptRequest(request: Request, http: NetworkHttp): void {
  if (http.inMemory === true) sources.set(request, http);
  Object.setPrototypeOf(request, ServedRequest.prototype);
}

/**
 * Ends the reading of a body that has been begun and not finished. The host keeps a connection for whoever might read
 * on (Deno 2.9.6): it would not take another request.
 */
export function abandonBody(request: Request): void {
  breakOffs.get(request)?.();
}

class ServedRequest extends Request {
  override clone(): Request {
    const copy = super.clone();
    // The body of the request is not at its end when that of a copy is.
    Object.setPrototypeOf(copy, ServedRequest.prototype);
    const http = sources.get(this);
    if (http !== undefined) sources.set(copy, http);
    return copy;
  }

  override get body(): Request["body"] {
    const body = super.body;
    return body === null ? null : under(body, this);
  }

  override arrayBuffer(): ReturnType<Request["arrayBuffer"]> {
    return read(this, () => super.arrayBuffer());
  }

  override blob(): ReturnType<Request["blob"]> {
    return read(this, () => super.blob());
  }

  override bytes(): ReturnType<Request["bytes"]> {
    return read(this, () => super.bytes());
  }

  override formData(): ReturnType<Request["formData"]> {
    return read(this, () => super.formData());
  }

  override json(): ReturnType<Request["json"]> {
    return read(this, () => super.json());
  }

  override text(): ReturnType<Request["text"]> {
    return read(this, () => super.text());
  }
}

/** The same stream; iterating it is a wait, and what a cancelled one would have got comes first in the next. */
function under(
  body: ReadableStream<Chunk>,
  request: Request,
): ReadableStream<Chunk> {
  if (Object.hasOwn(body, Symbol.asyncIterator)) return body;
  let reader: Pick<ReadableStreamDefaultReader<unknown>, "cancel" | "closed"> | undefined;
  const getReader = body.getReader.bind(body) as (options?: unknown) => NonNullable<typeof reader>;
  const define = (name: string | symbol, value: unknown) =>
    Object.defineProperty(body, name, { configurable: true, writable: true, value });
  const iterate = (options: { readonly preventCancel?: boolean } = {}) =>
    new BodyIterator(body.getReader(), sources.get(request), options.preventCancel ?? false);
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
  if (sources.has(request)) noteInMemory(body);
  breakOffs.set(request, () => void (body.locked && reader !== undefined ? reader : body).cancel().catch(() => {}));
  return body;
}

class BodyIterator implements AsyncIterableIterator<Chunk> {
  readonly #reader: ReadableStreamDefaultReader<Chunk>;
  readonly #reads: BodyReads;
  readonly #preventCancel: boolean;

  constructor(reader: ReadableStreamDefaultReader<Chunk>, http: NetworkHttp | undefined, preventCancel: boolean) {
    this.#reader = reader;
    this.#reads = new BodyReads(reader, http);
    this.#preventCancel = preventCancel;
  }

  next(): Promise<IteratorResult<Chunk>> {
    return this.#reads.wait();
  }

  async return(): Promise<IteratorResult<Chunk>> {
    // Also called after a failed read by `Array.fromAsync()`, which, of Deno 2.9.6, spins for ever if this rejects.
    if (!this.#preventCancel) await this.#reader.cancel().catch(() => {});
    this.#reader.releaseLock();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

/** Several waits at once get a chunk each, in order. */
class BodyReads extends LeftBehind<ReadableStreamReadResult<Chunk>, IteratorResult<Chunk>> {
  readonly #reader: ReadableStreamDefaultReader<Chunk>;

  constructor(reader: ReadableStreamDefaultReader<Chunk>, http: NetworkHttp | undefined) {
    super(WORDS, hostReason(READ), http);
    this.#reader = reader;
  }

  protected override get label(): string {
    return READ;
  }

  override begin(): Promise<ReadableStreamReadResult<Chunk>> {
    return this.#reader.read();
  }

  protected override landed({ done, value }: ReadableStreamReadResult<Chunk>): void {
    if (done) this.over({ value: { done, value: undefined } });
    else this.arrived({ done, value });
  }

  protected override failed(error: unknown): void {
    this.over({ error: translate(error) });
  }
}

/** Waits for the host to read; the wait can be cancelled, the reading cannot. */
function read<T>(request: Request, begin: () => Promise<T>): Promise<T> {
  const http = sources.get(request);
  return waitForHost(
    READ,
    () => begin().catch((error) => Promise.reject(translate(error))),
    http === undefined ? {} : { network: http },
  );
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

/**
 * What the host says when the client ends in the middle of a body, or sends what is not one, is about the connection.
 */
function translate(error: unknown): unknown {
  if (!isOfHost(error)) return error;
  const text = isInstance(error, Error) ? error.message : textOf(error);
  const broken = new BrokenResourceError(`Cannot read the body of the request as the connection broke: ${text}`, {
    cause: error,
  });
  note(broken);
  return broken;
}
