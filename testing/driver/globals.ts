/**
 * The globals that tell time, draw lots or leave the process, as simulated code sees them.
 *
 * While a simulation lives, functions of this file stand in for `setTimeout` and its kin, `Date`, `performance.now`,
 * `AbortSignal.timeout` and `Temporal.Now`; for `Math.random` and the random numbers of `crypto`; for `fetch`,
 * `WebSocket`, `Deno.serve` and `Deno.upgradeWebSocket`, which use the network in memory. The modules of Node are in
 * `testing/node/`, but follow the same rules. Each call looks up which simulation its async context belongs to; code
 * outside any, and that of another simulation, sees its own. Two copies of this package share one registry, and so one
 * set of patches: each copy contributes how it finds its simulations.
 */

import { ownTimerCalls, read } from "../../core/internal.ts";
import { VirtualEventSource } from "../net/http/event_source.ts";
import { adoptClass } from "../net/http/globals.ts";
import { VirtualWebSocket } from "../net/http/web_socket.ts";
import { patchNode } from "../node/node_modules.ts";
import { patchTimers } from "../node/timers.ts";
import { ambientWorld, type World } from "../node/world.ts";
import { rememberTrust } from "../net/http/trust.ts";
import { isOfHost } from "../base/host_web.ts";
import { Immediates } from "./immediates.ts";
import type { Bubble } from "./bubble.ts";
import { describeFetch, urlOf } from "./fetch_words.ts";
import { clearVirtual, delayOf, referenceVirtual, type TimerKind } from "./timers.ts";

/** One copy of this package. */
interface Copy {
  /** The simulation that the calling code belongs to. */
  find(): Bubble | null;
  clear(handle: unknown): boolean;
  reference(handle: unknown, how: "ref" | "unref"): boolean;
  clearImmediate(handle: unknown): boolean;
  /** The network and more of the simulation that the calling code belongs to, for the modules of Node. */
  world(): World | null;
  /** Whether it is this copy itself that calls a timer of the host. */
  callsHost(): boolean;
}

interface Registry {
  /** Every copy that has a simulation, or had one. */
  readonly copies: Copy[];
  /** How many simulations need the patches. */
  users: number;
  /** How to take the patches away again; the last one comes first. */
  readonly undo: (() => void)[];
}

/** The number changes with the shape of `Registry`, `Copy` or `Bubble`. */
const KEY = Symbol.for("@trefoil/io/testing/globals/7");

/** Makes the globals follow simulated time until the returned function is called. */
export function patchGlobals(find: () => Bubble | null): () => void {
  const store = globalThis as { [KEY]?: Registry };
  const registry = store[KEY] ??= { copies: [], users: 0, undo: [] };
  if (!registry.copies.some((copy) => copy.find === find)) {
    registry.copies.push({
      find,
      clear: clearVirtual,
      reference: referenceVirtual,
      clearImmediate: Immediates.clear,
      world: ambientWorld,
      callsHost: () => ownTimerCalls.depth > 0,
    });
  }
  if (registry.users++ === 0) install(registry);
  return () => {
    if (--registry.users > 0) return;
    for (let undo = registry.undo.pop(); undo !== undefined; undo = registry.undo.pop()) undo();
    delete store[KEY];
  };
}

// deno-lint-ignore no-explicit-any -- functions of every shape are replaced
type AnyFunction = (...args: any[]) => any;

function install(registry: Registry): void {
  const { copies, undo } = registry;

  function find(): Bubble | null {
    for (let i = 0; i < copies.length; i++) {
      const bubble = (copies[i] as Copy).find();
      if (bubble !== null) return bubble;
    }
    return null;
  }

  function findWorld(): World | null {
    for (let i = 0; i < copies.length; i++) {
      const world = (copies[i] as Copy).world();
      if (world !== null) return world;
    }
    return null;
  }

  /** Defines a property, whatever kind it was, and remembers how to undo that. */
  function replace(target: object, key: PropertyKey, value: unknown): void {
    const own = Object.getOwnPropertyDescriptor(target, key);
    if (own?.configurable === false) {
      // Bun's `crypto`.
      const record = target as Record<PropertyKey, unknown>;
      if (own.writable !== true) return;
      record[key] = value;
      undo.push(() => void (record[key] = own.value));
      return;
    }
    const enumerable = own?.enumerable ?? false;
    Object.defineProperty(target, key, { value, enumerable, writable: true, configurable: true });
    undo.push(() => {
      if (own === undefined) delete (target as Record<PropertyKey, unknown>)[key];
      else Object.defineProperty(target, key, own);
    });
  }

  /** Replaces a method; the new one is handed the old. What this host does not have is left out. */
  function patch(target: unknown, key: PropertyKey, make: (host: AnyFunction) => AnyFunction): void {
    const host = (target as Record<PropertyKey, unknown> | undefined)?.[key];
    if (typeof host !== "function") return;
    const made = make(host as AnyFunction);
    Object.defineProperty(made, "name", { value: host.name });
    // What hangs on it, as the `setTimeout` that `util.promisify()` finds.
    for (const symbol of Object.getOwnPropertySymbols(host)) {
      Object.defineProperty(made, symbol, Object.getOwnPropertyDescriptor(host, symbol)!);
    }
    replace(target as object, key, made);
  }

  const setTimer =
    (kind: TimerKind) => (host: AnyFunction) => (callback: unknown, ms?: unknown, ...args: unknown[]) => {
      const bubble = typeof callback === "function" ? find() : null;
      if (bubble === null) return host(callback, ms, ...args);
      return bubble.timer(kind, delayOf(ms, kind), callback as AnyFunction, args);
    };
  const clear = (host: AnyFunction) => (handle?: unknown) => {
    if (!copies.some((copy) => copy.clear(handle))) host(handle);
  };
  const reference = (how: "ref" | "unref") => (host: AnyFunction) => (handle: unknown) => {
    if (!copies.some((copy) => copy.reference(handle, how))) host(handle);
  };

  patch(globalThis, "setTimeout", setTimer("timeout"));
  patch(globalThis, "setInterval", setTimer("interval"));
  patch(globalThis, "clearTimeout", clear);
  patch(globalThis, "clearInterval", clear);
  const { Deno: deno } = globalThis as { Deno?: object };
  patch(deno, "refTimer", reference("ref"));
  patch(deno, "unrefTimer", reference("unref"));
  patch(globalThis, "setImmediate", (host) => (callback: unknown, ...args: unknown[]) => {
    const bubble = typeof callback === "function" ? find() : null;
    return bubble === null ? host(callback, ...args) : bubble.immediate(callback as AnyFunction, args);
  });
  patch(globalThis, "clearImmediate", (host) => (handle?: unknown) => {
    if (!copies.some((copy) => copy.clearImmediate(handle))) host(handle);
  });

  // Also what was imported from `node:timers` by name, and what a module took hold of before.
  const unpatchTimers = patchTimers({
    find: () => copies.some((copy) => copy.callsHost()) ? null : find(),
    delayOf,
    clear: (handle) => copies.some((copy) => copy.clear(handle) || copy.clearImmediate(handle)),
  });
  undo.push(unpatchTimers, patchNode(patch, findWorld));

  patch(AbortSignal, "timeout", (host) => (...args: unknown[]) => {
    const bubble = find();
    const ms = Math.trunc(Number(args[0]));
    if (bubble === null || !(ms >= 0)) return host.apply(AbortSignal, args);
    const controller = new AbortController();
    bubble.timer("signal", ms, () => {
      controller.abort(new DOMException("The operation was aborted due to timeout", "TimeoutError"));
    }, []);
    return controller.signal;
  });

  // The one operation of the host that nearly every program calls by itself: accounted for until the answer is there.
  const fetchIsOurs = isOfHost(globalThis, "fetch");
  patch(globalThis, "fetch", (host) => (...args: unknown[]) => {
    const bubble = find();
    if (bubble === null) return host.apply(globalThis, args);
    if (fetchIsOurs && bubble.http?.isOfNetwork(urlOf(args[0]))) return bubble.http.fetch(args);
    const end = bubble.operation(describeFetch(args));
    return until(() => host.apply(globalThis, args), end);
  });

  if (isOfHost(globalThis, "WebSocket")) {
    const { WebSocket: HostWebSocket } = globalThis;
    adoptClass(VirtualWebSocket, HostWebSocket);
    const StandIn: typeof WebSocket = new Proxy(HostWebSocket, {
      construct(target, args, newTarget) {
        // Of a class of somebody's own, which may do more, an object is one of the host's.
        const http = newTarget === StandIn ? find()?.http : null;
        if (http?.isOfNetwork(urlOf(args[0]))) return http.webSocket(args);
        return Reflect.construct(target, args, newTarget);
      },
    });
    replace(globalThis, "WebSocket", StandIn);
  }

  if (isOfHost(globalThis, "EventSource")) {
    const own = Object.getOwnPropertyDescriptor(globalThis, "EventSource")!;
    let StandIn: typeof EventSource | undefined;
    // Made when it is first asked for: loading the host's takes milliseconds.
    const make = (): typeof EventSource => {
      const HostEventSource: typeof EventSource = own.get?.call(globalThis) ?? own.value;
      adoptClass(VirtualEventSource, HostEventSource);
      return new Proxy(HostEventSource, {
        construct(target, args, newTarget) {
          const http = newTarget === StandIn ? find()?.http : null;
          if (http?.isOfNetwork(urlOf(args[0]))) return http.eventSource(args);
          return Reflect.construct(target, args, newTarget);
        },
      });
    };
    Object.defineProperty(globalThis, "EventSource", {
      configurable: true,
      enumerable: own.enumerable ?? false,
      get: () => StandIn ??= make(),
      set: (value: unknown) => void Object.defineProperty(globalThis, "EventSource", { value, writable: true }),
    });
    undo.push(() => Object.defineProperty(globalThis, "EventSource", own));
  }
  patch(deno, "serve", (host) => (...args: unknown[]) => find()?.http?.serve(args) ?? host.apply(deno, args));
  patch(deno, "upgradeWebSocket", (host) => (...args: unknown[]) => {
    const http = find()?.http;
    return http?.hasRequest(args[0]) ? http.upgrade(args) : host.apply(deno, args);
  });
  patch(deno, "createHttpClient", (host) => (...args: unknown[]) => {
    const client = host.apply(deno, args);
    rememberTrust(client, args[0]);
    return client;
  });

  patch(Math, "random", (host) => () => find()?.random() ?? host());
  const { Crypto: HostCrypto } = globalThis as { Crypto?: { prototype: Crypto } };
  patch(HostCrypto?.prototype, "getRandomValues", (host) =>
    function (this: unknown, array: ArrayBufferView) {
      // Checks what it is given.
      host.call(this, array);
      find()?.fillRandomly(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
      return array;
    });
  patch(HostCrypto?.prototype, "randomUUID", (host) =>
    function (this: unknown) {
      const bubble = find();
      return bubble === null ? host.call(this) : uuidOf(bubble);
    });

  patch(performance, "now", (host) => () => find()?.now() ?? host.call(performance));
  const HostDate = Date;
  patch(HostDate, "now", (host) => () => find()?.wall() ?? host.call(HostDate));
  const VirtualDate = new Proxy(HostDate, {
    construct(target, args, newTarget) {
      const bubble = args.length === 0 ? find() : null;
      return Reflect.construct(target, bubble === null ? args : [bubble.wall()], newTarget);
    },
    apply(target) {
      const bubble = find();
      return bubble === null ? target() : new target(bubble.wall()).toString();
    },
  });
  replace(globalThis, "Date", VirtualDate);
  replace(HostDate.prototype, "constructor", VirtualDate);

  const { Temporal: temporal } = globalThis as { Temporal?: TemporalLike };
  if (temporal !== undefined) {
    const { Now: now, Instant: instant } = temporal;
    const zoned = (bubble: Bubble, zone: unknown) =>
      instant.fromEpochMilliseconds(bubble.wall()).toZonedDateTimeISO(zone ?? now.timeZoneId());
    const follow = (key: string, read: (bubble: Bubble, zone: unknown) => unknown) =>
      patch(now, key, (host) => (zone?: unknown) => {
        const bubble = find();
        return bubble === null ? host.call(now, zone) : read(bubble, zone);
      });
    follow("instant", (bubble) => instant.fromEpochMilliseconds(bubble.wall()));
    follow("zonedDateTimeISO", zoned);
    follow("plainDateTimeISO", (bubble, zone) => zoned(bubble, zone).toPlainDateTime());
    follow("plainDateISO", (bubble, zone) => zoned(bubble, zone).toPlainDate());
    follow("plainTimeISO", (bubble, zone) => zoned(bubble, zone).toPlainTime());
  }

  // A rejection nobody handles fails the simulation it happened in, not the test that happens to run. Others who listen
  // may handle it: by the time of the microtask, all of them have been asked.
  const listener = (event: PromiseRejectionEvent) => {
    const bubble = find();
    if (bubble === null || event.defaultPrevented) return;
    event.preventDefault();
    let handled = false;
    Object.defineProperty(event, "preventDefault", { value: () => void (handled = true) });
    queueMicrotask(() => {
      if (!handled) bubble.stray(event.reason);
    });
  };
  globalThis.addEventListener?.("unhandledrejection", listener);
  undo.push(() => globalThis.removeEventListener?.("unhandledrejection", listener));
  // As an error event of a socket of Node that nobody listens to.
  const thrown = (event: ErrorEvent) => {
    const bubble = find();
    if (bubble === null || event.defaultPrevented) return;
    event.preventDefault();
    bubble.stray(event.error);
  };
  globalThis.addEventListener?.("error", thrown);
  undo.push(() => globalThis.removeEventListener?.("error", thrown));
}

/**
 * Calls `fetch`, or what a test has put in its place, and tells when its answer is there. The promise is one that
 * nobody has handled yet: a rejection that is forgotten stays one.
 */
function until(fetch: () => unknown, end: () => void): unknown {
  let answer: unknown;
  try {
    answer = fetch();
    if (typeof read(answer, "then") === "function") return awaited(answer, end);
  } catch (error) {
    end();
    throw error;
  }
  end();
  return answer;
}

async function awaited(answer: unknown, end: () => void): Promise<unknown> {
  try {
    return await answer;
  } finally {
    end();
  }
}

/** A UUID of version 4 (RFC 9562, section 5.4). */
function uuidOf(bubble: Bubble): string {
  const bytes = new Uint8Array(16);
  bubble.fillRandomly(bytes);
  bytes[6] = (bytes[6] as number) & 0x0f | 0x40;
  bytes[8] = (bytes[8] as number) & 0x3f | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

/** As much of Temporal as is used here; not every host has it. */
interface TemporalLike {
  readonly Now: { timeZoneId(): string };
  readonly Instant: { fromEpochMilliseconds(ms: number): { toZonedDateTimeISO(zone: unknown): ZonedLike } };
}

interface ZonedLike {
  toPlainDateTime(): unknown;
  toPlainDate(): unknown;
  toPlainTime(): unknown;
}
