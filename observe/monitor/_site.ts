/**
 * What the monitor answers to requests. It knows nothing of servers, so that it can be tried without one.
 *
 * Names and labels may hold data of users, and a task can be cancelled here, so it trusts nobody: each request but that
 * for the page, in which there is nothing, needs the token in a header, which no other site can send; the `Host` must be
 * this machine, so that no name of somebody else's leads here (DNS rebinding); and what changes something is a POST.
 */

import { faultOf, hostNow, isDefaultRun, lookAtRun, read, show, textOf } from "../../core/internal.ts";
import { addInstrument } from "../../core/lowlevel.ts";
import type { Task } from "../../core/mod.ts";
import { TraceRecorder } from "../trace/trace_recorder.ts";
import { metricsOf } from "./_metrics.ts";
import { pageOf, policyOf } from "./_page.ts";
import { pause } from "./_pause.ts";
import { profile } from "./_profile.ts";
import type { Program, WatchedRun } from "./_program.ts";
import { snapshotOf, type SnapshotSettings } from "./_snapshot.ts";

/** More viewers than this are told to come later. */
const MOST_VIEWERS = 32;
/** Traces and profiles that are being taken. */
const MOST_RECORDINGS = 4;
/** The longest trace or profile, in seconds. */
const LONGEST = 60;
/** Taking snapshots may take one part of the time of the program in so many. */
const SHARE = 10;
/** For how long a viewer may not take what it was sent, in milliseconds. */
const STALLED = 5_000;

const TEXT = "text/plain; charset=utf-8";
const HTML = "text/html; charset=utf-8";
const JSON_TYPE = "application/json; charset=utf-8";

/** What the site is made of. */
export interface SiteOptions extends SnapshotSettings {
  readonly program: Program;
  readonly token: string;
  /** Whether only names of this machine are answered to. */
  readonly local: boolean;
  /** Called if a viewer does not read what it was sent: its connection should be cut. */
  readonly stalled: () => void;
}

/** An answer that is not the one asked for. */
class Refusal extends Error {
  override name = "Refusal";
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.status = status;
    this.headers = headers;
  }
}

type Answer = (url: URL) => Response | Promise<Response>;

/** See the header. */
export class Site {
  readonly #options: SiteOptions;
  /** Each is aborted when the viewer has gone, or shall go. */
  readonly #viewers = new Set<AbortController>();
  #recordings = 0;
  readonly #answers: Readonly<Record<string, Answer>> = {
    "GET /": () => this.#page(),
    "GET /events": () => this.#events(),
    "GET /snapshot": async () => answer(JSON.stringify(await this.#snapshot()), JSON_TYPE),
    "GET /tree": () => this.#tree(),
    "GET /metrics": () => answer(metricsOf(this.#options.program, this.#options.watch), `${TEXT}; version=0.0.4`),
    "GET /trace": (url) => this.#trace(url, (trace) => answer(trace.toJson(), JSON_TYPE)),
    "GET /trace.html": (url) => this.#trace(url, traceAsPage),
    "GET /profile": (url) => this.#recording(url, (ms) => this.#profile(ms)),
    "POST /cancel": (url) => this.#cancel(url),
  };

  constructor(options: SiteOptions) {
    this.#options = options;
  }

  /** Answers a request; never rejects. */
  async answer(request: Request): Promise<Response> {
    try {
      const url = new URL(request.url);
      if (this.#options.local) requireLocalHost(request.headers.get("host"));
      const { pathname } = url;
      const method = request.method === "HEAD" ? "GET" : request.method;
      if (pathname !== "/") this.#requireToken(request.headers.get("authorization"));
      const found = this.#answers[`${method} ${pathname}`];
      if (found !== undefined) return await found(url);
      const allowed = Object.keys(this.#answers).flatMap((key) =>
        key.endsWith(` ${pathname}`) ? key.split(" ")[0]! : []
      );
      if (allowed.length > 0) {
        throw new Refusal(405, `Cannot ${method} "${pathname}": use ${allowed.join()}`, { allow: allowed.join() });
      }
      const paths = Object.keys(this.#answers).map((key) => key.split(" ")[1]).join(", ");
      throw new Refusal(404, `Cannot find "${pathname}": there are ${paths}`);
    } catch (error) {
      if (error instanceof Refusal) return answer(`${error.message}\n`, TEXT, error);
      return answer(`Cannot answer, as that failed: ${textOf(error)}\n`, TEXT, { status: 500 });
    }
  }

  /** Ends what viewers are being told. */
  close(): void {
    for (const viewer of this.#viewers) viewer.abort();
    this.#viewers.clear();
  }

  #requireToken(given: string | null): void {
    const [, token] = /^Bearer +(.*)$/i.exec(given ?? "") ?? [];
    if (token === undefined) {
      throw new Refusal(
        401,
        'Cannot answer as a token is needed: send the header "authorization: Bearer <token>"; it stands behind the # in ' +
          "the URL of the monitor",
        { "www-authenticate": 'Bearer realm="trefoil monitor"' },
      );
    }
    if (!isSame(token, this.#options.token)) {
      throw new Refusal(403, "Cannot answer as the token is another one: each start of a program has a new one");
    }
  }

  #page(): Response {
    const { html, policy } = pageOf();
    return answer(html, HTML, { headers: { "content-security-policy": policy } });
  }

  #snapshot(): ReturnType<typeof snapshotOf> {
    return snapshotOf(this.#options.program, this.#options);
  }

  /**
   * A snapshot a line, as often as `interval` says and the viewer reads. Deno keeps a program alive for as long as a part
   * of such an answer waits to be sent: if that lasts, the connection has to be cut. The page and the terminal ask for one
   * snapshot after the other instead, so that one that sleeps is no trouble.
   */
  #events(): Response {
    if (this.#viewers.size >= MOST_VIEWERS) {
      throw new Refusal(503, `Cannot show this to one more as there are ${MOST_VIEWERS} viewers: close some`);
    }
    const encoder = new TextEncoder();
    const gone = new AbortController();
    let due = 0;
    // Whoever is aborted here reads, or has gone.
    let reads = new AbortController();
    const body = new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        reads.abort();
        await pause(due - hostNow(), gone.signal);
        if (!gone.signal.aborted) {
          const began = hostNow();
          const snapshot = await this.#snapshot();
          due = began + Math.max(this.#options.interval, snapshot.took * SHARE);
          if (!gone.signal.aborted) {
            this.#watchStall(gone.signal, (reads = new AbortController()).signal);
            return controller.enqueue(encoder.encode(`${JSON.stringify(snapshot)}\n`));
          }
        }
        // The monitor is closed; if it is the viewer who has gone, the stream is closed already.
        faultOf(() => controller.close());
      },
      cancel: () => {
        this.#viewers.delete(gone);
        gone.abort();
        reads.abort();
      },
      // Nothing is made before it is wanted: a viewer that does not read costs nothing.
    }, { highWaterMark: 0 });
    this.#viewers.add(gone);
    return answer(body, "application/x-ndjson; charset=utf-8");
  }

  /** Has the connections cut if a viewer does not take what it was sent. `gone`: it, or the monitor, has gone. */
  async #watchStall(gone: AbortSignal, reads: AbortSignal): Promise<void> {
    await pause(STALLED, reads);
    if (!reads.aborted && !gone.aborted) this.#options.stalled();
  }

  async #tree(): Promise<Response> {
    const trees: string[] = [];
    for (const { id, run } of this.#options.program.runs) {
      const { tasksLiving, hostOperations } = run.statistics();
      if (isDefaultRun(run) && tasksLiving <= 1) continue;
      const tree = await run.taskTree({ places: true });
      const operations = hostOperations.length === 0 ? "none" : hostOperations.slice(0, LONGEST).join(", ");
      trees.push(`run ${id}, ${tasksLiving} tasks; operations of the host in flight: ${operations}\n${tree}\n`);
    }
    return answer(trees.join("\n"), TEXT);
  }

  #trace(url: URL, show: (trace: TraceRecorder) => Response): Promise<Response> {
    const { run } = this.#runOf(url);
    return this.#recording(url, async (ms) => {
      const trace = new TraceRecorder();
      using _ = addInstrument(trace, run);
      await pause(ms);
      return show(trace);
    });
  }

  async #recording(url: URL, record: (ms: number) => Promise<Response>): Promise<Response> {
    const seconds = numberIn(url, "seconds", { fallback: 5, least: 0, most: LONGEST });
    if (this.#recordings >= MOST_RECORDINGS) {
      throw new Refusal(503, `Cannot record once more as ${MOST_RECORDINGS} recordings are going on: wait for one`);
    }
    this.#recordings++;
    try {
      return await record(seconds * 1_000);
    } finally {
      this.#recordings--;
    }
  }

  async #profile(ms: number): Promise<Response> {
    try {
      return answer(await profile(ms), JSON_TYPE);
    } catch (error) {
      if (read(error, "name") !== "NotCapable") throw error;
      throw new Refusal(
        403,
        "Cannot take a profile as the program has no permission for that: start it with --allow-sys",
      );
    }
  }

  #cancel(url: URL): Response {
    if (!this.#options.allowCancel) {
      throw new Refusal(403, "Cannot cancel a task as the monitor was opened without { allowCancel: true }");
    }
    const { run } = this.#runOf(url);
    const id = numberIn(url, "task", { least: 1, most: Number.MAX_SAFE_INTEGER });
    const { tasks } = lookAtRun(run);
    const task: Task | undefined = tasks.find((one) => one.id === id);
    if (task === undefined) throw new Refusal(404, `Cannot cancel task #${id} as it is not there: it has ended`);
    if (task === tasks[0]) {
      throw new Refusal(403, "Cannot cancel the main task here: send SIGTERM to the program, which ends it");
    }
    task.cancel("cancelled in the monitor", { source: "signal" });
    return answer(JSON.stringify({ cancelled: { id, name: task.name } }), JSON_TYPE);
  }

  /** The run that is meant: that with a number, or that with the most tasks. */
  #runOf(url: URL): WatchedRun {
    const { runs } = this.#options.program;
    if (url.searchParams.has("run")) {
      const id = numberIn(url, "run", { least: 1, most: Number.MAX_SAFE_INTEGER });
      const found = runs.find((run) => run.id === id);
      if (found === undefined) throw new Refusal(404, `Cannot find run ${id}: it has ended`);
      return found;
    }
    const [largest] = [...runs].sort((a, b) => b.run.statistics().tasksLiving - a.run.statistics().tasksLiving);
    if (largest === undefined) throw new Refusal(404, "Cannot find a run: all have ended");
    return largest;
  }
}

function traceAsPage(trace: TraceRecorder): Response {
  const { nonce, policy } = policyOf(["img-src data:"]);
  return answer(trace.toHtml({ nonce }), HTML, { headers: { "content-security-policy": policy } });
}

function answer(
  body: BodyInit,
  type: string,
  { status = 200, headers = {} }: { status?: number; headers?: Readonly<Record<string, string>> } = {},
): Response {
  return new Response(body, {
    status,
    headers: {
      "content-type": type,
      "cache-control": "no-store",
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
      "cross-origin-resource-policy": "same-origin",
      ...headers,
    },
  });
}

function numberIn(
  { searchParams }: URL,
  name: string,
  { fallback, least, most }: { readonly fallback?: number; readonly least: number; readonly most: number },
): number {
  const text = searchParams.get(name);
  if (text === null && fallback !== undefined) return fallback;
  const value = Number(text);
  if (text === null || text.trim() === "" || !(value >= least && value <= most)) {
    throw new Refusal(
      400,
      `Cannot answer as "${name}" must be a number from ${least} to ${most}: received ${show(text)}`,
    );
  }
  return value;
}

/** What is called by the name of this machine alone. */
function requireLocalHost(host: string | null): void {
  const [, name] = /^(\[[^\]]*\]|[^:]*)(?::\d+)?$/.exec(host ?? "") ?? [];
  if (name !== undefined && /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/i.test(name)) return;
  throw new Refusal(403, `Cannot answer to the host ${show(host)}: open the monitor as 127.0.0.1 or localhost`);
}

/** Compares in a time that says nothing about where they differ. */
function isSame(given: string, wanted: string): boolean {
  let difference = given.length ^ wanted.length;
  for (let index = 0; index < wanted.length; index++) {
    difference |= (given.charCodeAt(index) || 0) ^ wanted.charCodeAt(index);
  }
  return difference === 0;
}
