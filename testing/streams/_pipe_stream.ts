/** Ends of pipes as streams, with the hooks of the test that made them. */

import {
  CHUNK,
  composedWait,
  encodeText,
  faultOfBytes,
  faultOfMax,
  faultOfTarget,
  iterate,
} from "../../core/internal.ts";
import { checkpoint } from "../../core/mod.ts";
import type { HalfCloseableStream, ReceiveStream, SendStream, TextSender } from "../../net/mod.ts";
import { strayed } from "../driver/ambient.ts";
import type { MemoryStreamHooks } from "./stream_hooks.ts";
import { type Tracked, trackOpen } from "../driver/leaks.ts";
import { busyReceiving, busySending, type Pipe } from "./_pipe.ts";

/** How much `receiveSome()` receives at most unless told, in bytes: as a socket. */

const NO_HOOKS: MemoryStreamHooks = {};

/** The sending end of a pipe. */
export class PipeSendStream implements SendStream, TextSender {
  readonly #pipe: Pipe;
  readonly #hooks: MemoryStreamHooks;
  /** Whom the hooks are told of: the stream that this is a half of. */
  readonly #owner: SendStream;
  /** A leak until it is closed; `null` then, and in a half of a stream, which tracks itself. */
  #open: Tracked | null;
  #inHook = false;

  constructor(pipe: Pipe, hooks: MemoryStreamHooks = NO_HOOKS, owner?: SendStream) {
    this.#pipe = pipe;
    this.#hooks = hooks;
    this.#owner = owner ?? this;
    this.#open = owner === undefined ? trackOpen(pipe.name) : null;
  }

  // Not async: a wait of the library that nobody awaits must not end the process by its cancellation.
  sendAll(bytes: Uint8Array): Promise<void> {
    const fault = faultOfBytes(bytes);
    if (fault !== null) return Promise.reject(fault);
    if (this.#hooks.beforeSend === undefined) return this.#pipe.send(bytes);
    return composedWait(() => this.#sendWithHook(bytes));
  }

  sendText(text: string): Promise<void> {
    return encodeText(text, (bytes) => this.sendAll(bytes));
  }

  sendEof(): Promise<void> {
    return this.#inHook ? composedWait(() => this.#refuseEof()) : this.#pipe.sendEof();
  }

  async #sendWithHook(bytes: Uint8Array): Promise<void> {
    await checkpoint();
    const fault = this.#inHook ? busySending() : this.#pipe.sendFault();
    if (fault !== null) throw fault;
    this.#inHook = true;
    try {
      await this.#hooks.beforeSend?.(this.#owner, bytes);
    } finally {
      this.#inHook = false;
    }
    await this.#pipe.send(bytes);
  }

  async #refuseEof(): Promise<void> {
    await checkpoint();
    throw busySending();
  }

  close(): void {
    this.#pipe.closeSend();
    const open = this.#open;
    this.#open = null;
    if (open === null) return;
    open.close();
    tellClosed(this.#hooks, this);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }
}

/** The receiving end of a pipe. */
export class PipeReceiveStream implements ReceiveStream {
  readonly #pipe: Pipe;
  readonly #hooks: MemoryStreamHooks;
  readonly #owner: ReceiveStream;
  /** A leak until it is closed; `null` then, and in a half of a stream, which tracks itself. */
  #open: Tracked | null;
  #inHook = false;

  constructor(pipe: Pipe, hooks: MemoryStreamHooks = NO_HOOKS, owner?: ReceiveStream) {
    this.#pipe = pipe;
    this.#hooks = hooks;
    this.#owner = owner ?? this;
    this.#open = owner === undefined ? trackOpen(pipe.name) : null;
  }

  receiveSome(max: number = CHUNK): Promise<Uint8Array | null> {
    const fault = faultOfMax(max);
    if (fault !== null) return Promise.reject(fault);
    return this.#receive(null, max) as Promise<Uint8Array | null>;
  }

  receiveInto(buffer: Uint8Array): Promise<number | null> {
    const fault = faultOfTarget(buffer);
    if (fault !== null) return Promise.reject(fault);
    return this.#receive(buffer, buffer.length) as Promise<number | null>;
  }

  #receive(into: Uint8Array | null, max: number): Promise<unknown> {
    if (this.#hooks.beforeReceive === undefined) return this.#pipe.receive(into, max);
    return composedWait(() => this.#receiveWithHook(into, max));
  }

  async #receiveWithHook(into: Uint8Array | null, max: number): Promise<unknown> {
    await checkpoint();
    const fault = this.#inHook ? busyReceiving() : this.#pipe.receiveFault();
    if (fault !== null) throw fault;
    this.#inHook = true;
    try {
      await this.#hooks.beforeReceive?.(this.#owner);
    } finally {
      this.#inHook = false;
    }
    return await this.#pipe.receive(into, max);
  }

  close(): void {
    this.#pipe.closeReceive();
    const open = this.#open;
    this.#open = null;
    if (open === null) return;
    open.close();
    tellClosed(this.#hooks, this);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return iterate(() => this.receiveSome());
  }
}

/** One end of two pipes. */
export class PipeStream implements HalfCloseableStream, TextSender {
  readonly #send: PipeSendStream;
  readonly #receive: PipeReceiveStream;
  readonly #hooks: MemoryStreamHooks;
  readonly #open: Tracked;
  #closed = false;

  constructor(out: Pipe, into: Pipe, hooks: MemoryStreamHooks = NO_HOOKS) {
    this.#send = new PipeSendStream(out, hooks, this);
    this.#receive = new PipeReceiveStream(into, hooks, this);
    this.#hooks = hooks;
    this.#open = trackOpen(out.name);
  }

  sendAll(bytes: Uint8Array): Promise<void> {
    return this.#send.sendAll(bytes);
  }

  sendText(text: string): Promise<void> {
    return encodeText(text, (bytes) => this.sendAll(bytes));
  }

  sendEof(): Promise<void> {
    return this.#send.sendEof();
  }

  receiveSome(max?: number): Promise<Uint8Array | null> {
    return this.#receive.receiveSome(max);
  }

  receiveInto(buffer: Uint8Array): Promise<number | null> {
    return this.#receive.receiveInto(buffer);
  }

  close(): void {
    this.#send.close();
    this.#receive.close();
    if (this.#closed) return;
    this.#closed = true;
    this.#open.close();
    tellClosed(this.#hooks, this);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return iterate(() => this.receiveSome());
  }
}

/** Calls the hook; one that throws fails the test, not the `close()` in which it happens to be called. */
function tellClosed(hooks: MemoryStreamHooks, end: SendStream | ReceiveStream): void {
  try {
    hooks.closed?.(end);
  } catch (error) {
    strayed(error, 'Cannot go on with the hook "closed" of a memory stream as it threw');
  }
}
