// deno-lint-ignore-file no-console
/**
 * A client of an API that allows so many requests a second: it keeps to that, and tries again what was refused with
 * 429 or 503, when the server says so or after growing waits. A timeout around it, or Ctrl-C, ends whatever it is just
 * waiting for: its turn, an answer, or the next attempt.
 *
 * Run it: deno run --allow-net examples/rate_limited_client.ts [URL of an API]
 * Without a URL it asks a moody server of its own.
 */
import {
  currentTime,
  failAfter,
  fetch,
  map,
  RateLimiter,
  retry,
  run,
  shielded,
  suppressedErrors,
  TooSlowError,
} from "@trefoil/io";
import { currentRun } from "@trefoil/io/lowlevel";

/** An answer that is not 2xx. */
export class HttpError extends Error {
  override readonly name = "HttpError";

  constructor(readonly url: string, readonly status: number, readonly retryAfter: number | null) {
    super(`Cannot use the answer of ${url} as its status must be 2xx: ${status}`);
  }

  /** Whether the same request may succeed later. */
  get isPassing(): boolean {
    return this.status === 429 || this.status === 503;
  }
}

/** How a client behaves. */
export interface ApiClientOptions {
  /** How many requests a second. */
  readonly rate?: number;
  /** How many may come at once after a pause. */
  readonly burst?: number;
  /** How often to try each request in all. */
  readonly attempts?: number;
  /** How long one attempt may take, in milliseconds. */
  readonly timeout?: number;
}

/** Asks for JSON, for any number of tasks at the same time. */
export class ApiClient {
  readonly #base: string;
  readonly #attempts: number;
  readonly #timeout: number;
  readonly #limiter: RateLimiter;

  constructor(base: string, { rate = 10, burst = 2, attempts = 6, timeout = 5_000 }: ApiClientOptions = {}) {
    this.#base = base;
    this.#attempts = attempts;
    this.#timeout = timeout;
    this.#limiter = new RateLimiter(rate, { burst, name: "requests" });
  }

  /** Gets one resource. */
  get(path: string): Promise<unknown> {
    return retry(async () => {
      // Every attempt is a request, so every one counts; and waiting for one's turn is not the server's slowness.
      await this.#limiter.acquire();
      return await failAfter(this.#timeout, () => this.#ask(new URL(path, this.#base).href));
    }, {
      attempts: this.#attempts,
      // What the server asks for must not be cut short by chance, so the chance is added here.
      backoff: (failed, error) =>
        error instanceof HttpError && error.retryAfter !== null
          ? error.retryAfter
          : 100 * 2 ** failed * (0.5 + currentRun().random() / 2),
      // A `TypeError` of `fetch` is a server that could not be reached.
      retryIf: (error) =>
        error instanceof TooSlowError || error instanceof TypeError ||
        (error instanceof HttpError && error.isPassing),
    });
  }

  async #ask(url: string): Promise<unknown> {
    const response = await fetch(url);
    if (response.ok) return await response.json();
    await response.body?.cancel();
    const seconds = Number(response.headers.get("retry-after") ?? NaN);
    throw new HttpError(url, response.status, seconds >= 0 ? seconds * 1_000 : null);
  }
}

/** A server that allows five requests a second, says so when there are more, and is out of order for a while. */
export function moodyServer(): (request: Request) => Response {
  let window = { since: -Infinity, requests: 0 };
  let answered = 0;
  return (request) => {
    const path = new URL(request.url).pathname;
    if (!/^\/items\/\d+$/.test(path)) return new Response("There is no such item", { status: 404 });
    const now = performance.now();
    if (now - window.since >= 1_000) window = { since: now, requests: 0 };
    if (++window.requests > 5) {
      return new Response("Too many requests", { status: 429, headers: { "retry-after": "1" } });
    }
    answered++;
    if (answered > 6 && answered <= 8) return new Response("Out of order", { status: 503 });
    return Response.json({ item: Number(path.slice("/items/".length)) });
  };
}

/** Gets 15 items, printing when each came. */
export async function fetchItems(base: string, print: (line: string) => void = console.log): Promise<unknown[]> {
  const client = new ApiClient(base, { rate: 8 });
  const start = currentTime();
  return await map(Array.from({ length: 15 }, (_, i) => `/items/${i + 1}`), async (path) => {
    const item = await client.get(path);
    print(`${((currentTime() - start) / 1_000).toFixed(1)} s: ${path}`);
    return item;
  }, { concurrency: 4 });
}

if (import.meta.main) {
  run(async () => {
    if (Deno.args[0] !== undefined) return void await fetchItems(Deno.args[0]);
    const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, moodyServer());
    try {
      const items = await fetchItems(`http://127.0.0.1:${server.addr.port}/`);
      console.log(`${items.length} items`);
    } catch (error) {
      for (const earlier of suppressedErrors(error)) console.error(`before that: ${earlier}`);
      throw error;
    } finally {
      await shielded(() => server.shutdown(), { timeout: 1_000 });
    }
  });
}
