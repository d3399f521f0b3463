/**
 * The modules of Node and their insides, as Deno 2.9 has them.
 *
 * They are found only once something of Node is loaded: importing `node:net` costs a program 10 ms and more. Deno's
 * internal object gets a property when that happens, so whether it did can be asked, and heard of. (Not of `node:dns`
 * when nothing else is loaded: that leaves no trace, and its names are the host's until more comes.)
 */

import { hostClear, hostTimeout } from "../../core/internal.ts";

// deno-lint-ignore no-explicit-any -- the insides of modules have no types
export type Any = any;

/** Replaces a method until the last simulation has ended; the new one is handed the old. */
export type Patch = (target: unknown, key: PropertyKey, make: (host: AnyFunction) => AnyFunction) => void;

type AnyFunction = (...args: Any[]) => Any;

/** What is patched. */
export interface NodeModules {
  readonly net: Any;
  readonly http: Any;
  readonly tls: Any;
  readonly stream: Any;
  readonly timers: Any;
  /** The numbers of errors by their codes. */
  readonly errno: (code: string) => number;
  /** What a stream tells beside its calls. */
  readonly streamState: {
    readonly state: Int32Array;
    readonly offset: number;
    readonly written: number;
    readonly async: number;
  };
  /** The resolver below `node:dns`. */
  readonly resolver: Any;
  readonly nextTick: (callback: () => void) => void;
  /** Gives a socket its handle. */
  readonly setHandle: symbol;
  /** Where a socket has its timer, and how that is ended. */
  readonly timeout: symbol;
  readonly destroyTimer: symbol;
}

/** The property that is there once the globals of Node are, on which everything with a stream depends. */
const MARK = "dispatchProcessExitEvent";

/** Deno's internal object, if this is Deno. */
function internals(): Record<string, unknown> | null {
  const { Deno: deno } = globalThis as Any;
  return deno?.[deno.internal] ?? null;
}

/**
 * Calls a function once modules of Node are loaded: now, or in the microtask after. The function returned stops waiting
 * for that.
 */
export function whenLoaded(then: () => void): () => void {
  const inside = internals();
  if (inside === null) return () => {};
  if (MARK in inside) {
    then();
    return () => {};
  }
  let waiting = true;
  Object.defineProperty(inside, MARK, {
    configurable: true,
    enumerable: true,
    get: () => undefined,
    set(value: unknown) {
      Object.defineProperty(inside, MARK, { value, writable: true, enumerable: true, configurable: true });
      // Not in the middle of its loading.
      queueMicrotask(() => {
        if (waiting) then();
      });
    },
  });
  return () => {
    waiting = false;
    if (Object.getOwnPropertyDescriptor(inside, MARK)?.set !== undefined) delete inside[MARK];
  };
}

let found: NodeModules | null | undefined;

/** The modules; `null` where their insides are others. */
export function nodeModules(): NodeModules | null {
  if (found === undefined) {
    try {
      found = find();
    } catch {
      found = null;
    }
  }
  return found;
}

function find(): NodeModules | null {
  const { process } = globalThis as Any;
  const [net, http, tls, stream, timers] = ["net", "http", "tls", "stream", "timers"].map((name) =>
    process.getBuiltinModule(name)
  );
  const resolver = process.binding("cares_wrap");
  const streams = process.binding("stream_wrap");
  const { codeMap } = process.binding("uv");
  const timer = hostTimeout(() => {}, 1);
  hostClear(timer);
  const symbols = {
    setHandle: symbolOf(net.Socket.prototype, "kReinitializeHandle"),
    timeout: symbolOf(new net.Socket(), "timeout"),
    destroyTimer: symbolOf(Object.getPrototypeOf(timer), "destroy"),
  };
  const functions = [
    net.Server.prototype._listen2,
    net.Server.prototype._emitCloseIfDrained,
    resolver.getaddrinfo,
    resolver.ChannelWrap.prototype.queryA,
    codeMap.get,
  ];
  if (!functions.every((one) => typeof one === "function")) return null;
  return {
    net,
    http,
    tls,
    stream,
    timers,
    errno: (code) => codeMap.get(code) ?? codeMap.get("UNKNOWN"),
    streamState: {
      state: streams.streamBaseState,
      offset: streams.kArrayBufferOffset,
      written: streams.kBytesWritten,
      async: streams.kLastWriteWasAsync,
    },
    resolver,
    nextTick: process.nextTick,
    ...symbols,
  };
}

function symbolOf(owner: object, description: string): symbol {
  const symbol = Object.getOwnPropertySymbols(owner).find((one) => one.description === description);
  if (symbol === undefined) throw new TypeError(`Cannot find a symbol as it must be there: received "${description}"`);
  return symbol;
}
