/** The monitor of a running program: a page, and the same for terminals and machines. */

import {
  ignore,
  outside,
  read,
  reportHook,
  requireBoolean,
  requireInteger,
  requireOptions,
  requireText,
  requireTimeout,
  show,
  textOf,
  whenLettingGo,
} from "../../core/internal.ts";
import type { HasStatistics } from "../has_statistics.ts";
import { resourcesOf } from "../base/watched.ts";
import { Program } from "./_program.ts";
import { Site } from "./_site.ts";

/**
 * Options of `openMonitor()`.
 *
 * @category Observing
 */
export interface MonitorOptions {
  /**
   * The port; 0 for any that is free.
   *
   * @default {0}
   */
  readonly port?: number;
  /** A Unix socket to listen on instead of a port. Only the own user can open it. */
  readonly path?: string;
  /**
   * The address to listen on. Anything but this machine needs `exposeToNetwork`.
   *
   * @default {"127.0.0.1"}
   */
  readonly hostname?: string;
  /**
   * Whether other machines may connect. They need the token, and it goes over the network as it is.
   *
   * @default {false}
   */
  readonly exposeToNetwork?: boolean;
  /** What viewers must know: at least 16 characters of `A–Z a–z 0–9 - _`. By default 128 random bits. */
  readonly token?: string;
  /**
   * Whether viewers may cancel tasks.
   *
   * @default {false}
   */
  readonly allowCancel?: boolean;
  /**
   * How often viewers get a snapshot, in milliseconds. Where taking one is slow, they get fewer.
   *
   * @default {500}
   */
  readonly interval?: number;
  /**
   * From when on a wait without a deadline is old, in milliseconds.
   *
   * @default {10_000}
   */
  readonly oldAfter?: number;
  /**
   * How many tasks are shown. All of them are counted, and among the groups.
   *
   * @default {2_000}
   */
  readonly maxTasks?: number;
  /** What is shown also while nobody waits for it, by name: channels, locks, limiters, whatever has `statistics()`. */
  readonly watch?: Readonly<Record<string, HasStatistics>>;
}

/**
 * An open monitor.
 *
 * @category Observing
 */
export interface Monitor extends AsyncDisposable {
  /** The URL of the page, with the token behind the `#`; `http+unix://` and the path for a Unix socket. */
  readonly url: string;
  /** The token, for `authorization: Bearer`. */
  readonly token: string;
  /**
   * Closes it: viewers are disconnected, and the program is watched no more. Harmless when repeated.
   *
   * **Cancellation:** none; it takes a few turns of the event loop.
   */
  close(): Promise<void>;
}

/** Bytes of a token. */
const TOKEN_BYTES = 16;
const LOCAL = /^(?:localhost|127(?:\.\d{1,3}){3}|::1|\[::1\])$/i;

/**
 * Opens a page that shows the program while it runs: its tasks and what each waits for, since when and where; locks,
 * channels and limiters; operations of the host; what blocks the event loop; what watchdogs find.
 *
 * It is not part of any run. So a run ends, fails with a deadlock, and shuts down as it would without it, and one that
 * hangs while it shuts down can still be looked at. It keeps no program alive.
 *
 * Beside the page there are, with the header `authorization: Bearer <token>`: `/tree` (text), `/metrics` (for
 * Prometheus), `/snapshot` and `/events` (JSON, a line each), `/trace?seconds=5` and `/trace.html?seconds=5`,
 * `/profile?seconds=5`, and, with `allowCancel`, `POST /cancel?task=7`. `deno run --allow-net jsr:@trefoil/io/top URL`
 * shows it in a terminal.
 *
 * **Names and labels of tasks may hold data of your users, and places show paths.** Only this machine can connect, and
 * only who knows the token.
 *
 * **Cost:** counters and a watchdog, as long as it is open: a server takes a few per cent more. Snapshots are taken for
 * viewers alone.
 *
 * @example Looking at a program from outside
 * ```ts
 * import { fetch, openNursery, sleep } from "@trefoil/io";
 * import { openMonitor } from "@trefoil/io/observe";
 * import { assertStringIncludes } from "@std/assert";
 *
 * await openNursery(async (nursery) => {
 *   await using monitor = openMonitor();
 *   nursery.startSoon(() => sleep(60_000), { name: "sleepy" });
 *   await sleep(1);
 *   const { origin } = new URL(monitor.url);
 *   const response = await fetch(`${origin}/tree`, { headers: { authorization: `Bearer ${monitor.token}` } });
 *   assertStringIncludes(await response.text(), "sleepy");
 *   nursery.cancel();
 * });
 * ```
 *
 * @param options Where it listens, and what it shows.
 * @returns The monitor; `await using` closes it.
 * @throws {TypeError} If an option is of the wrong kind, `hostname` is not this machine and `exposeToNetwork` is not
 *   set, or the host has no `Deno.serve`.
 * @throws {RangeError} If a number is out of its range, or `token` is too short.
 * @throws {Deno.errors.AddrInUse} If something else listens there.
 * @throws {Deno.errors.NotCapable} If the program may not listen there: it needs `--allow-net=127.0.0.1`.
 * @category Observing
 */
export function openMonitor(options: MonitorOptions = {}): Monitor {
  const action = "open a monitor";
  requireOptions(action, options);
  const {
    port = 0,
    path,
    hostname = "127.0.0.1",
    exposeToNetwork = false,
    token = newToken(),
    allowCancel = false,
    interval = 500,
    oldAfter = 10_000,
    maxTasks = 2_000,
  } = options;
  requireInteger(action, "port", port, 0, 65_535);
  for (const [name, text] of Object.entries({ path, hostname, token })) requireText(action, name, text);
  for (const [name, value] of Object.entries({ exposeToNetwork, allowCancel })) requireBoolean(action, name, value);
  for (const [name, ms] of Object.entries({ interval, oldAfter })) requireTimeout(action, name, ms);
  requireInteger(action, "maxTasks", maxTasks, 1, 1_000_000);
  const watch = resourcesOf(action, options.watch);
  if (!/^[\w-]{16,}$/.test(token)) {
    throw new RangeError(
      `Cannot ${action} as "token" must be at least 16 characters of A-Z, a-z, 0-9, - and _: received ${token.length}`,
    );
  }
  if (path === undefined && !LOCAL.test(hostname) && !exposeToNetwork) {
    throw new TypeError(
      `Cannot ${action} as "hostname" must be this machine, or { exposeToNetwork: true } be set: received ${
        show(hostname)
      }`,
    );
  }
  if (typeof read(read(globalThis, "Deno"), "serve") !== "function") {
    throw new TypeError(`Cannot ${action} as that needs Deno.serve: this host has none`);
  }
  return new OpenMonitor(
    { port, path, hostname },
    { token, allowCancel, interval, oldAfter, maxTasks, watch, local: path === undefined && !exposeToNetwork },
  );
}

/** Where it listens. */
interface Place {
  readonly port: number;
  readonly path: string | undefined;
  readonly hostname: string;
}

class OpenMonitor implements Monitor {
  readonly url: string;
  readonly token: string;
  readonly #program: Program;
  readonly #site: Site;
  readonly #place: Place;
  #server: Server;
  #closed = false;
  /** Whether the server has ended, and another one is about to begin. */
  #turning = false;
  readonly #stay: () => void;

  constructor(place: Place, settings: Omit<ConstructorParameters<typeof Site>[0], "program" | "stalled">) {
    const { token } = settings;
    this.token = token;
    const program = this.#program = new Program(settings.oldAfter);
    this.#site = new Site({ ...settings, program, stalled: () => this.#serveAnew() });
    try {
      this.#server = serve(place, this.#site);
    } catch (error) {
      program.close();
      throw error instanceof Deno.errors.AddrInUse ? inUse(place, error) : error;
    }
    const { addr } = this.#server;
    // Where it is now, if it has to listen anew.
    this.#place = { ...place, ..."port" in addr ? { port: addr.port } : {} };
    const name = "hostname" in addr ? addr.hostname.includes(":") ? `[${addr.hostname}]` : addr.hostname : "";
    this.url = "port" in addr
      ? `http://${name}:${addr.port}/#${token}`
      : `http+unix://${encodeURIComponent(place.path as string)}/#${token}`;
    this.#watch(this.#server);
    this.#stay = whenLettingGo(() => {
      this.#server.end();
      return () => void this.#serveAnew();
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#stay();
    this.#site.close();
    this.#program.close();
    await this.#server.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** A single connection cannot be cut: all of them are, and viewers come back. */
  async #serveAnew(): Promise<void> {
    // Two at once would be in each other's way, on one port.
    if (this.#turning) return;
    this.#turning = true;
    this.#site.close();
    await this.#server.end();
    this.#turning = false;
    if (this.#closed) return;
    try {
      this.#server = serve(this.#place, this.#site);
      this.#watch(this.#server);
    } catch (error) {
      this.#end(error);
    }
  }

  async #watch({ finished }: Server): Promise<void> {
    try {
      await finished;
    } catch (error) {
      this.#end(error);
    }
  }

  #end(error: unknown): void {
    this.#program.close();
    reportHook("Cannot go on with the monitor as its server has ended", error);
  }
}

/** A server that listens. */
interface Server {
  readonly addr: Deno.NetAddr | Deno.UnixAddr;
  readonly finished: Promise<void>;
  /** Closes all connections, whatever viewers do. Harmless when repeated. */
  end(): Promise<void>;
}

function serve({ port, path, hostname }: Place, site: Site): Server {
  const stop = new AbortController();
  const options = {
    signal: stop.signal,
    onListen: () => {},
    onError: (error: unknown) => new Response(`${textOf(error)}\n`, { status: 500 }),
  };
  const handler = (request: Request): Promise<Response> => site.answer(request);
  // It is no part of the task that has opened it.
  const server = outside(() =>
    path === undefined ? Deno.serve({ port, hostname, ...options }, handler) : Deno.serve({ path, ...options }, handler)
  );
  server.unref();
  const end = async (): Promise<void> => {
    // Whoever awaits its end must live to see it.
    server.ref();
    stop.abort();
    await server.finished.catch(ignore);
    if (path !== undefined) await Deno.remove(path).catch(ignore);
  };
  if (path !== undefined) {
    try {
      Deno.chmodSync(path, 0o600);
    } catch (error) {
      end();
      throw error;
    }
  }
  return { addr: server.addr, finished: server.finished, end };
}

/** The host's error does not say what is in use. */
function inUse({ port, path, hostname }: Place, cause: Error): Error {
  const where = path === undefined ? `${hostname}:${port}` : show(path);
  return new Deno.errors.AddrInUse(`Cannot open a monitor on ${where} as something else listens there`, { cause });
}

function newToken(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(TOKEN_BYTES));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
