/** What our tests use of `@std/async`: see README.md here. */

/** Options of `delay()`. */
export interface DelayOptions {
  /** Ends the wait with its reason. */
  signal?: AbortSignal;
}

/** Resolves after some milliseconds; a signal ends it early. */
export function delay(ms: number, { signal }: DelayOptions = {}): Promise<void> {
  if (signal?.aborted) return Promise.reject(signal.reason);
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      resolve();
    }, ms);
    signal?.addEventListener("abort", abort, { once: true });
  });
}

/** A promise, or an async iterable, that fails with the reason of a signal when that is aborted. */
export function abortable<T>(p: Promise<T>, signal: AbortSignal): Promise<T>;
export function abortable<T>(p: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T>;
export function abortable<T>(
  p: Promise<T> | AsyncIterable<T>,
  signal: AbortSignal,
): Promise<T> | AsyncGenerator<T> {
  return p instanceof Promise ? abortablePromise(p, signal) : abortableIterable(p, signal);
}

async function abortablePromise<T>(p: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([aborted, p]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

async function* abortableIterable<T>(iterable: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T> {
  const iterator = iterable[Symbol.asyncIterator]();
  let running = true;
  try {
    while (true) {
      const result = await abortablePromise(Promise.resolve(iterator.next()), signal);
      if (result.done) return void (running = false);
      yield result.value;
    }
  } finally {
    // Not waited for: it may be stuck in the very wait that was aborted.
    if (running) void iterator.return?.();
  }
}

/** Options of `deadline()`. */
export interface DeadlineOptions {
  /** Ends the wait with its reason. */
  signal?: AbortSignal;
}

/** A promise that fails with a `TimeoutError` if the other takes too long. */
export function deadline<T>(p: Promise<T>, ms: number, { signal }: DeadlineOptions = {}): Promise<T> {
  const timeout = AbortSignal.timeout(ms);
  return abortable(p, signal === undefined ? timeout : AbortSignal.any([timeout, signal]));
}

/** Options of `retry()`. */
export interface RetryOptions {
  /** How much longer each wait is than the one before. */
  multiplier?: number;
  /** The longest wait, in milliseconds. */
  maxTimeout?: number;
  /** How often to try in all. */
  maxAttempts?: number;
  /** The first wait, in milliseconds. */
  minTimeout?: number;
  /** Which part of a wait is left to chance, from 0 to 1. */
  jitter?: number;
}

/** Thrown by `retry()` when the attempts are used up; the cause is the last error. */
export class RetryError extends Error {
  override readonly name = "RetryError";

  constructor(cause: unknown, attempts: number) {
    // deno-lint-ignore trefoil/error-message -- the message of @std/async
    super(`Retrying exceeded the maxAttempts (${attempts}).`, { cause });
  }
}

/** Calls a function until it succeeds. */
export async function retry<T>(fn: (() => Promise<T>) | (() => T), options: RetryOptions = {}): Promise<T> {
  const { multiplier = 2, maxTimeout = 60_000, maxAttempts = 5, minTimeout = 1_000, jitter = 1 } = options;
  for (let attempt = 1;; attempt++) {
    try {
      return await fn();
    } catch (error) {
      if (attempt >= maxAttempts) throw new RetryError(error, maxAttempts);
    }
    const wait = Math.min(maxTimeout, minTimeout * multiplier ** (attempt - 1));
    await delay(wait * (1 - jitter * Math.random()));
  }
}

/**
 * Calls a function for each item, so many at a time, beginning at once; gives the results in the order of the items.
 */
export function pooledMap<T, R>(
  poolLimit: number,
  array: Iterable<T> | AsyncIterable<T>,
  iteratorFn: (data: T) => Promise<R>,
): AsyncIterableIterator<R> {
  const { readable, writable } = new TransformStream<Promise<R>, R>({
    // As a result is a promise, it is waited for by whoever reads.
    async transform(promise, controller) {
      try {
        controller.enqueue(await promise);
      } catch {
        // Reported by the feeder, together with the others.
      }
    },
  });
  void (async () => {
    const writer = writable.getWriter();
    const running = new Set<Promise<unknown>>();
    try {
      for await (const item of array) {
        const promise = Promise.try(iteratorFn, item);
        void writer.write(promise).catch(() => {});
        const settled: Promise<unknown> = promise.then(() => running.delete(settled));
        settled.catch(() => {});
        running.add(settled);
        if (running.size >= poolLimit) await Promise.race(running);
      }
      await Promise.all(running);
      await writer.close();
    } catch {
      const errors = (await Promise.allSettled(running)).flatMap((end) =>
        end.status === "rejected" ? [end.reason] : []
      );
      await writer.abort(new AggregateError(errors, "Cannot complete the mapping as an error was thrown from an item"))
        .catch(() => {});
    }
  })();
  return readable[Symbol.asyncIterator]();
}

/** Several async iterables as one, whose values come as they are there: at most one of each is asked for in advance. */
export class MuxAsyncIterator<T> implements AsyncIterable<T> {
  readonly #ready: { readonly value: T; readonly from: AsyncIterator<T> }[] = [];
  readonly #failures: unknown[] = [];
  #open = 0;
  #change = Promise.withResolvers<void>();

  /** Adds one. */
  add(iterable: AsyncIterable<T>): void {
    this.#open++;
    void this.#ask(iterable[Symbol.asyncIterator]());
  }

  /** Goes through the values of all. */
  async *iterate(): AsyncIterableIterator<T> {
    while (this.#open > 0) {
      await this.#change.promise;
      for (const { value, from } of this.#ready.splice(0)) {
        yield value;
        void this.#ask(from);
      }
      if (this.#failures.length > 0) throw this.#failures.shift();
      this.#change = Promise.withResolvers();
    }
  }

  [Symbol.asyncIterator](): AsyncIterator<T> {
    return this.iterate();
  }

  async #ask(from: AsyncIterator<T>): Promise<void> {
    try {
      const { done, value } = await from.next();
      if (done) this.#open--;
      else this.#ready.push({ value, from });
    } catch (error) {
      this.#failures.push(error);
    }
    this.#change.resolve();
  }
}
