// deno-lint-ignore-file no-console
/**
 * The peers, fetched only when a benchmark runs: the specifiers are no literals, so that checking, linting or
 * publishing this repository never asks for them. Where they cannot be had, their rows are left out.
 */

import type { OtelModules } from "../observe/mod.ts";
import { subjectOptions } from "./_measure.ts";

/** An effect, as far as it is used here. */
export interface Eff<A = unknown> {
  [Symbol.iterator](): Iterator<Eff, A>;
}

/** A fiber. */
export interface Fiber {
  readonly id: number;
}

type Gen = () => Generator<Eff, void, unknown>;
type All = { readonly concurrency: "unbounded"; readonly discard: true };

/** What is used of `effect`. */
export interface EffectModule {
  readonly Effect: {
    readonly void: Eff;
    readonly never: Eff;
    succeed(value: unknown): Eff;
    promise(make: () => PromiseLike<unknown>): Eff;
    suspend(make: () => Eff): Eff;
    sleep(ms: number): Eff;
    timeout(effect: Eff, ms: number): Eff;
    timeoutOption(effect: Eff, ms: number): Eff;
    gen(body: Gen): Eff;
    forEach(items: Iterable<number>, body: (item: number) => Eff, options: All): Eff;
    flatMap(effect: Eff<Fiber>, next: (fiber: Fiber) => Eff): Eff;
    scoped(effect: Eff): Eff;
    forkChild(effect: Eff): Eff<Fiber>;
    runFork(effect: Eff): Fiber;
    runPromise(effect: Eff): Promise<unknown>;
  };
  readonly Fiber: { join(fiber: Fiber): Eff; interrupt(fiber: Fiber): Eff };
  readonly Latch: { makeUnsafe(open: boolean): { readonly await: Eff; readonly open: Eff } };
  readonly Queue: {
    bounded(capacity: number): Eff<unknown>;
    offer(queue: unknown, value: unknown): Eff;
    take(queue: unknown): Eff;
  };
}

/** An operation of effection. */
export interface Operation<T = unknown> {
  [Symbol.iterator](): Iterator<Operation, T>;
}

/** A body of effection. */
export type Body = () => Generator<Operation, void, unknown>;

/** What is used of `effection`. */
export interface EffectionModule {
  run(body: Body): Promise<void> & { halt(): Promise<void> };
  spawn(body: Body): Operation<Operation<void>>;
  suspend(): Operation;
  until(promise: Promise<unknown>): Operation;
}

/** To start all children at once and forget their values. */
export const ALL: All = { concurrency: "unbounded", discard: true };

const EFFECT: string = "npm:effect@4.1.0";
const EFFECTION: string = "npm:effection@4.1.1";

/** `effect`, or `null` where it cannot be had, or `--quick` leaves it out. */
export async function loadEffect(): Promise<EffectModule | null> {
  const module = await load<EffectModule>(EFFECT);
  if (module === null) return null;
  // Some that live, for the same reason as in `_live.ts`.
  const { Effect } = module;
  Effect.runFork(Effect.forEach([0], () => Effect.never, ALL));
  Effect.runFork(Effect.flatMap(Effect.forkChild(Effect.never), module.Fiber.join));
  return module;
}

/** `effection`, or `null`, as above. */
export async function loadEffection(): Promise<EffectionModule | null> {
  const module = await load<EffectionModule>(EFFECTION);
  module?.run(function* () {
    yield* module.spawn(function* () {
      yield* module.suspend();
    });
    yield* module.suspend();
  }).catch(() => {});
  return module;
}

/** Locks, channels and pools of others. */
export interface SmallPeers {
  readonly asyncMutex: {
    readonly Mutex: new () => { acquire(): Promise<() => void> };
    readonly Semaphore: new (value: number) => { acquire(): Promise<[number, () => void]> };
  } | null;
  readonly asyncSema: { readonly Sema: new (value: number) => { acquire(): Promise<unknown>; release(): void } } | null;
  readonly medium: {
    chan(size?: number): unknown;
    put(channel: unknown, value: unknown): Promise<unknown>;
    take(channel: unknown): Promise<unknown>;
  } | null;
  readonly pLimit: { default(concurrency: number): <T>(fn: () => Promise<T>) => Promise<T> } | null;
  readonly pMap: {
    default<T, R>(
      items: Iterable<T>,
      fn: (item: T) => Promise<R>,
      options: { concurrency: number },
    ): Promise<R[]>;
  } | null;
}

/** The small ones, each `null` where it cannot be had. */
export async function loadSmallPeers(): Promise<SmallPeers> {
  return {
    asyncMutex: await load("npm:async-mutex@0.5.0"),
    asyncSema: await load("npm:async-sema@3.1.1"),
    medium: await load("npm:medium@1.2.0"),
    pLimit: await load("npm:p-limit@7.3.3"),
    pMap: await load("npm:p-map@7.1.1"),
  };
}

/** The fake timers that Sinon is made of, or `null` where they cannot be had. */
export function loadFakeTimers(): Promise<
  { install(options: { loopLimit: number }): { runAllAsync(): Promise<number>; uninstall(): void } } | null
> {
  return load("npm:@sinonjs/fake-timers@15.5.0");
}

/** A pool of one thread of piscina, for the function that a module exports by default. */
export async function loadPiscina(
  url: URL,
): Promise<{ run(value: number): Promise<number>; destroy(): Promise<void> } | null> {
  const loaded = await load("npm:piscina@5.1.4") as {
    readonly Piscina: new (options: object) => { run(value: number): Promise<number>; destroy(): Promise<void> };
  } | null;
  return loaded === null ? null : new loaded.Piscina({ filename: url.href, minThreads: 1, maxThreads: 1 });
}

/** What is used of a client of Redis. */
export interface RedisClient {
  set(key: string, value: string): Promise<unknown>;
  get(key: string): Promise<unknown>;
}

/** `ioredis`, or `null` where it cannot be had. */
export function loadIoredis(): Promise<
  { readonly Redis: new (port: number, hostname: string) => RedisClient & { disconnect(): void } } | null
> {
  return load("npm:ioredis@6.0.0");
}

/** `redis`, which is also called node-redis, or `null` where it cannot be had. */
export function loadNodeRedis(): Promise<
  | {
    createClient(options: { socket: { host: string; port: number } }): RedisClient & {
      connect(): Promise<unknown>;
      destroy(): void;
    };
  }
  | null
> {
  return load("npm:redis@6.3.1");
}

/** OpenTelemetry's SDK, with spans and metrics that go nowhere. */
export interface OtelPeer {
  readonly otel: OtelModules;
  /** Calls a function in a span, as code does that has no instrument. */
  inSpan(name: string, fn: () => Promise<void>): Promise<void>;
}

/** `@opentelemetry/api` with its SDK as the provider, or `null` where it cannot be had. */
export async function loadOtel(): Promise<OtelPeer | null> {
  const api = await load<
    OtelModules & {
      readonly trace: { setGlobalTracerProvider(provider: object): void };
      readonly context: { setGlobalContextManager(manager: object): void };
      readonly metrics: { setGlobalMeterProvider(provider: object): void };
    }
  >("npm:@opentelemetry/api@1.9.1");
  const tracing = await load<{ readonly BasicTracerProvider: new (options: object) => object }>(
    "npm:@opentelemetry/sdk-trace-base@2.12.1",
  );
  const hooks = await load<{ readonly AsyncLocalStorageContextManager: new () => { enable(): object } }>(
    "npm:@opentelemetry/context-async-hooks@2.12.1",
  );
  const metering = await load<{ readonly MeterProvider: new (options: object) => object } & MetricReaders>(
    "npm:@opentelemetry/sdk-metrics@2.12.1",
  );
  if (api === null || tracing === null || hooks === null || metering === null) return null;
  const nowhere = { onStart() {}, onEnd() {}, forceFlush: async () => {}, shutdown: async () => {} };
  api.trace.setGlobalTracerProvider(new tracing.BasicTracerProvider({ spanProcessors: [nowhere] }));
  api.context.setGlobalContextManager(new hooks.AsyncLocalStorageContextManager().enable());
  const exporter = new metering.InMemoryMetricExporter(1);
  const reader = new metering.PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 2 ** 31 - 1 });
  api.metrics.setGlobalMeterProvider(new metering.MeterProvider({ readers: [reader] }));
  const tracer = api.trace.getTracer("bench") as unknown as ActiveTracer;
  return {
    otel: api,
    inSpan: (name, fn) => tracer.startActiveSpan(name, (span) => fn().finally(() => span.end())),
  };
}

interface ActiveTracer {
  startActiveSpan<T>(name: string, fn: (span: { end(): void }) => T): T;
}

interface MetricReaders {
  readonly InMemoryMetricExporter: new (temporality: number) => object;
  readonly PeriodicExportingMetricReader: new (options: object) => object;
}

async function load<T>(specifier: string): Promise<T | null> {
  if (subjectOptions().quick) return null;
  try {
    return await import(specifier) as T;
  } catch (error) {
    console.error(`Left out ${specifier}, as it cannot be had: ${error instanceof Error ? error.message : error}`);
    return null;
  }
}
