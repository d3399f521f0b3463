/** HTTP of one simulation, for the globals: what waits for it is known to wait, and handlers are tasks. */

import { failureOf, NOTHING } from "../../core/internal.ts";
import { currentTask, type Task } from "../../core/mod.ts";
import type { Clock, NetworkHttp } from "../../core/lowlevel.ts";
import {
  eventSourceAsHost,
  type GlobalHttp,
  serveAsDeno,
  upgradeAsDeno,
  webSocketAsHost,
} from "../net/http/globals.ts";
import type { FetchContext } from "../net/http/http_client.ts";
import type { Background } from "../time/simulation.ts";
import type { BubbleHttp } from "./bubble.ts";
import { describeFetch } from "./fetch_words.ts";
import type { PendingRequest } from "./record.ts";
import type { Site } from "./sites.ts";

/** What it needs of the driver. */
interface Books {
  /** A task waits for something in memory; returns how to say that it does not any more. */
  pending(task: Task, request: PendingRequest): () => void;
  takeSite(): Site | null;
  operation(label: string): () => void;
  readonly clock: Clock;
}

/** A network of this library: it takes more than the seam says. */
interface OwnHttp {
  fetch(input: RequestInfo | URL, init: RequestInit | undefined, context: FetchContext): Promise<Response>;
  has?(request: Request): boolean;
}

/** See the header. */
export class SimulatedHttp implements BubbleHttp, GlobalHttp {
  readonly http: NetworkHttp;
  readonly #books: Books;
  readonly #background: () => Background | null;

  /** `background`: where handlers run. */
  constructor(http: NetworkHttp, books: Books, background: () => Background | null) {
    this.http = http;
    this.#books = books;
    this.#background = background;
  }

  isOfNetwork(url: string): boolean {
    return /^\s*(https?|wss?):/i.test(url);
  }

  fetch([input, init]: readonly unknown[]): Promise<Response> {
    const task = currentTask();
    const request = { label: describeFetch([input, init]), site: this.#books.takeSite() };
    const context: FetchContext = {
      pending: () => this.#books.pending(task, request),
      ofHost: async (promise) => {
        const end = this.#books.operation("read body");
        try {
          return await promise;
        } finally {
          end();
        }
      },
    };
    return (this.http as unknown as OwnHttp).fetch(input as RequestInfo, init as RequestInit | undefined, context);
  }

  webSocket(args: readonly unknown[]): WebSocket {
    return webSocketAsHost(this, args);
  }

  eventSource(args: readonly unknown[]): EventSource {
    return eventSourceAsHost(this, this.#books.clock, args);
  }

  serve(args: readonly unknown[]): unknown {
    return serveAsDeno(this, args);
  }

  hasRequest(request: unknown): boolean {
    return request instanceof Request && (this.http as unknown as OwnHttp).has?.(request) === true;
  }

  upgrade(args: readonly unknown[]): unknown {
    return upgradeAsDeno(this, args);
  }

  spawn<T>(name: string, fn: () => T | Promise<T>): Promise<T> {
    const background = this.#background();
    if (background === null) return Promise.try(fn);
    return new Promise<T>((resolve, reject) => {
      background.startSoon(async () => {
        try {
          resolve(await fn());
        } catch (error) {
          reject(error);
          if (failureOf(error) === NOTHING) throw error;
        }
      }, { name });
    });
  }
}
