/**
 * One request and its answer, in a task of its own.
 *
 *     handler ──Response──▶ handed to the host ──────────────▶ over        (plain bytes: the host sends them)
 *        │                        └──▶ body pumped, chunk by chunk ──▶ over
 *        │                        └──▶ upgraded, handler of it ──────▶ over
 *        └── error ──▶ what `onHandlerError` says; the client gets a 500
 *
 * What is wrong with the request itself is its client's fault, and no error of the handler: an URL that is none is
 * answered before there is a task, and whatever the host says when a body is read ends the request, not more.
 *
 * All of it is cancelled when the client goes away: before the answer `request.signal` tells it, while a body is sent
 * the cancelling of the stream that the host reads. Only a request that is not answered soon is watched: see
 * `_disconnect_sweep.ts`.
 *
 * The body of an answer is read by the task itself, when the host asks for a chunk: so whatever the source of a stream
 * waits for is under the request's scope, and nothing is read ahead.
 *
 * Over 400 lines as each way to its end leads through the same few fields.
 */

import {
  cancellable,
  CancelScope,
  currentTask,
  ErrorGroup,
  type Semaphore,
  type Task,
  TooSlowError,
} from "../../core/mod.ts";
import {
  beginHostOperation,
  checkpointIfCancelled,
  type NetworkHttp,
  type NetworkHttpRequestInfo,
  suspend,
  type Waker,
} from "../../core/lowlevel.ts";
import {
  failureOf,
  hostClear as clearHostTimeout,
  hostClearImmediate as dropTurn,
  hostImmediate as nextTurn,
  hostTimeout,
  notesWaits,
  NOTHING,
  parseTimeLeft,
  show,
  waitedFor,
  waitsOf,
  withoutLeaves,
} from "../../core/internal.ts";
import { formatAddress } from "../base/address.ts";
import { followRule, type HandlerErrorRule, tell } from "../base/handler_errors.ts";
import type { Counts } from "../base/server.ts";
import { muteAbortWarning } from "../host/abort_warning.ts";
import { beginHttpOperation } from "../host/ambient_http.ts";
import { bytesOf, natureOf } from "../host/deno_http.ts";
import {
  abandonAnswer,
  badRequest,
  closingAfter,
  CUT_OFF,
  endAnswer,
  endSource,
  serverError,
  tooLate,
  unavailable,
  usedBody,
} from "./_answers.ts";
import type { DisconnectSweep, SweepEntry } from "./_disconnect_sweep.ts";
import type { HttpHandler, HttpRequestInfo } from "./http_handler.ts";
import type { Pending } from "./_pending.ts";
import { abandonBody, adoptRequest, isClientFault } from "./_served_request.ts";
import { type Upgrade, upgradeOf } from "./_web_socket_upgrade.ts";

/** What all exchanges of a server share. */
export interface ServerContext {
  readonly http: NetworkHttp;
  readonly handler: HttpHandler;
  readonly handlerTimeout: number;
  /** The header in which clients say how long they wait. */
  readonly deadlineHeader: string | undefined;
  /** Whether the server will soon drain: then answers say that their connections end. Written by the server. */
  isLeaving: boolean;
  readonly onHandlerError: HandlerErrorRule<[request: Request]> | undefined;
  /** Where the number of requests that are handled at a time is limited; otherwise `null`. */
  readonly slots: Semaphore | null;
  readonly pending: Pending;
  readonly counts: Counts;
  readonly disconnects: DisconnectSweep;
}

/**
 * How long a client that asks for a WebSocket is watched before it gets one, in milliseconds: see `host/deno_http.ts`.
 */
const UPGRADE_DELAY = 5;
/**
 * So many turns the host needs to notice and to say that a client is gone: two, but more if the process has much to do.
 */
const UPGRADE_TURNS = 5;
const CLIENT_GONE = "the client has gone away";
/** See the header. */
export class Exchange implements HttpRequestInfo {
  readonly #context: ServerContext;
  readonly #request: Request;
  readonly #info: NetworkHttpRequestInfo;
  /** Gives the host its answer; `null` afterwards. Written by `#answer()`. */
  #respond: ((response: Response) => void) | null;
  /**
   * Listens to the signal of the request while that is watched. Made when needed: a closure for each would cost time.
   */
  #gone: (() => void) | null = null;
  /** The task that it is in, once that has to wait. Written by `#settle()` and `#runUpgrade()`. */
  #task: Task | null = null;
  /** Its place in the sweep, until it is answered. Written by `#settle()`. */
  #entry: SweepEntry | null = null;
  /** Whether there is a body that may be read. */
  readonly #hasBody: boolean;

  constructor(
    context: ServerContext,
    request: Request,
    info: NetworkHttpRequestInfo,
    respond: (response: Response) => void,
  ) {
    this.#context = context;
    this.#request = request;
    this.#info = info;
    this.#respond = respond;
    // Others have no body to be read.
    const { method } = request;
    this.#hasBody = method !== "GET" && method !== "HEAD";
    if (this.#hasBody) adoptRequest(request, context.http);
  }

  get remoteAddress(): HttpRequestInfo["remoteAddress"] {
    return this.#info.remoteAddr as HttpRequestInfo["remoteAddress"];
  }

  /** The whole of the task. A promise only if there is something to wait for. */
  run(): undefined | Promise<void> {
    const { handler, handlerTimeout, slots, deadlineHeader } = this.#context;
    const text = deadlineHeader === undefined ? null : this.#request.headers.get(deadlineHeader);
    if (text !== null) return this.#runFor(parseTimeLeft(text));
    if (slots !== null || handlerTimeout !== Infinity) return this.#settle(this.#limited(null));
    let rest: undefined | Promise<void>;
    try {
      const result = handler(this.#request, this);
      if (result instanceof Promise) return this.#settle(result, (response) => this.#hand(response));
      rest = this.#hand(result);
    } catch (error) {
      rest = Promise.reject(error);
    }
    if (rest !== undefined) return this.#settle(rest);
    this.#over();
    return undefined;
  }

  /** Begins to watch whether the client is there, until the answer. */
  watch(): void {
    const task = this.#task;
    if (this.#respond === null || this.#gone !== null || task === null) return;
    const gone = (): void => task.cancel(CLIENT_GONE, { source: "disconnect" });
    this.#gone = gone;
    if (this.#context.http.inMemory !== true) muteAbortWarning();
    const { signal } = this.#request;
    if (signal.aborted) gone();
    else signal.addEventListener("abort", gone);
  }

  /** For a client that waits so long; `null` for one that says so in a way nobody understands. */
  #runFor(ms: number | null): undefined | Promise<void> {
    if (ms !== null) return this.#settle(this.#whileAwaited(ms));
    this.#answer(badRequest());
    this.#over();
    return undefined;
  }

  /** From now on, with the wait for a slot; as for `handlerTimeout`, the sending of the body is not limited. */
  async #whileAwaited(ms: number): Promise<void> {
    const scope = new CancelScope({ timeout: ms });
    const outcome = await scope.run(() => this.#limited(scope));
    if (outcome.cancelledCaught) this.#answer(tooLate());
  }

  async #limited(client: CancelScope | null): Promise<void> {
    // Not "using", which Node does not know yet: the whole package shall load there, for the sake of the core.
    const slot = await this.#context.slots?.acquire();
    try {
      await (this.#context.handlerTimeout === Infinity ? this.#handle(client, null) : this.#inTime(client));
    } finally {
      slot?.release();
    }
  }

  /** Calls the handler under scopes whose time does not hold for the sending of the body. */
  async #handle(client: CancelScope | null, own: CancelScope | null): Promise<void> {
    const response = await this.#context.handler(this.#request, this);
    if (own?.cancelCalled || client?.cancelCalled) {
      // Frameworks take the cancellation for an error of the application, and answer with a page that says so.
      abandonAnswer(response);
      await checkpointIfCancelled();
    }
    if (own !== null) own.deadline = Infinity;
    if (client !== null) client.deadline = Infinity;
    await this.#hand(response);
  }

  /** The handler under its limit, which does not hold for the sending of the body. */
  async #inTime(client: CancelScope | null): Promise<void> {
    const { handlerTimeout } = this.#context;
    // Streams that the handler makes may wait in this scope: it is not left before they are sent.
    const scope = new CancelScope({ timeout: handlerTimeout });
    notesWaits(scope);
    const outcome = await scope.run(() => this.#handle(client, scope));
    if (!outcome.cancelledCaught) return;
    const waits = waitsOf(scope);
    throw new TooSlowError(
      `Cannot answer in time as the handler was not done when ${handlerTimeout}ms had passed${waitedFor(waits)}`,
      { cause: outcome.cancelled, waits },
    );
  }

  /** What is not over at once; the beginning of `work` is. `next` gets what comes of it. */
  async #settle(work: Promise<unknown>, next?: (result: unknown) => undefined | Promise<void>): Promise<void> {
    const task = this.#task = currentTask();
    this.#info.handledBy?.(task);
    // In memory it costs nothing to be told at once.
    if (this.#context.http.inMemory === true) this.watch();
    else this.#entry = this.#context.disconnects.add(this);
    try {
      const result = await work;
      const rest = next?.(result);
      if (rest !== undefined) await rest;
    } catch (error) {
      await this.#failed(error);
    } finally {
      this.#over();
    }
  }

  #over(): void {
    const { counts, pending } = this.#context;
    counts.open--;
    pending.end();
    if (this.#hasBody) abandonBody(this.#request);
  }

  /** Gives the host what the handler returned; what remains to be done is a promise. */
  #hand(response: unknown): undefined | Promise<void> {
    if (!(response instanceof Response)) {
      const found = response === null || typeof response !== "object" ? String(response) : response.constructor?.name;
      throw new TypeError(`Cannot answer a request as its handler must return a Response: received ${found}`);
    }
    const nature = natureOf(response);
    if (nature === "plain") return void this.#answer(response);
    if (nature === "stream") return this.#pump(response);
    if (nature === "large") return void this.#answerLarge(response);
    if (nature === "error") {
      throw new TypeError("Cannot answer a request as its response must have a status: received Response.error()");
    }
    // The host would find out as well, but not say for which request.
    if (nature === "used") throw usedBody();
    const upgrade = upgradeOf(response);
    if (upgrade === undefined) return void this.#answer(response);
    return this.#runUpgrade(upgrade);
  }

  /** Bytes that are sent as a stream, so that the host says when it is done. */
  #answerLarge(response: Response): void {
    if (this.#request.method === "HEAD" || this.#respond === null) return this.#answer(response);
    const bytes = bytesOf(response);
    const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
      pull(controller) {
        controller.enqueue(bytes);
        controller.close();
      },
    }, { highWaterMark: 0 });
    const { status, statusText, headers } = response;
    const sent = new Response(body, { status, statusText, headers });
    if (!headers.has("content-length")) sent.headers.set("content-length", String(bytes.length));
    const { pending } = this.#context;
    pending.begin();
    const over = (): void => pending.end();
    this.#info.completed.then(over, over);
    this.#answer(sent);
  }

  async #runUpgrade(upgrade: Upgrade): Promise<void> {
    // A client that resets after its request would leave a WebSocket which never opens, and never ends: see
    // `host/deno_http.ts`. So it is watched from now on, and this wait is cancelled then.
    this.#task = currentTask();
    this.watch();
    if (this.#context.http.inMemory !== true) await untilSeen();
    // The upgrade itself aborts the signal.
    this.#unwatch();
    const { answer, run } = upgrade.begin(this.#request, this.#context.http);
    this.#answer(answer);
    await run();
  }

  async #pump(response: Response): Promise<void> {
    if (response.body!.locked) throw usedBody();
    const source = response.body!.getReader();
    const task = currentTask();
    let wanted = false;
    let waker: Waker<void> | null = null;
    let sink!: ReadableStreamDefaultController<Uint8Array>;
    let open = true;
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => void (sink = controller),
      pull() {
        wanted = true;
        waker?.wake();
      },
      cancel() {
        open = false;
        task.cancel(CLIENT_GONE, { source: "disconnect" });
      },
    }, { highWaterMark: 0 });
    const { status, statusText, headers } = response;
    try {
      // Nothing can be read in a scope that is cancelled already: better no answer than the beginning of one.
      await checkpointIfCancelled();
      this.#answer(new Response(body as ReadableStream<Uint8Array<ArrayBuffer>>, { status, statusText, headers }));
      while (true) {
        if (!wanted) {
          await this.#forClient((wake) => void (waker = wake));
          waker = null;
        }
        wanted = false;
        const { done, value } = await cancellable(source.read());
        // The client may have gone in the gap after the read: then nothing can be put into the stream any more.
        if (!open) await checkpointIfCancelled();
        if (done) break;
        if (!(value instanceof Uint8Array)) {
          throw new TypeError(`Cannot send a body as each chunk must be a Uint8Array: received ${show(value)}`);
        }
        sink.enqueue(value);
      }
      sink.close();
    } catch (error) {
      if (open) sink.error(CUT_OFF);
      const faults = await endSource(source, error);
      if (faults.length === 0) throw error;
      throw failureOf(error) === NOTHING ? faults[0] : new ErrorGroup([error, ...faults]);
    }
    // The task lives until the last byte is out, or cannot be sent any more.
    await this.#forClient((waker) => {
      const over = (): void => void waker.wake();
      this.#info.completed.then(over, over);
    });
  }

  async #failed(error: unknown): Promise<void> {
    const failure = failureOf(error);
    if (failure === NOTHING) {
      this.#answer(unavailable());
      throw error;
    }
    const rest = this.#withoutClientFaults(failure);
    if (rest === NOTHING) this.#answer(badRequest());
    else await this.#report(rest);
  }

  /** That the client broke off its own request is nobody's fault here. */
  #withoutClientFaults(failure: unknown): unknown {
    return this.#hasBody ? withoutLeaves(failure, isClientFault) : failure;
  }

  async #report(failure: unknown): Promise<void> {
    const { onHandlerError } = this.#context;
    try {
      const answer = await followRule(onHandlerError, failure, () => this.#peer(), this.#request);
      if (answer instanceof Response) await this.#handInstead(answer);
    } finally {
      this.#answer(serverError());
    }
  }

  /**
   * Answers with what the rule has returned. If that is of no use, either, it is given up, and told without the rule.
   */
  async #handInstead(answer: Response): Promise<void> {
    try {
      if (this.#respond !== null) await this.#hand(answer);
      else await endAnswer(answer);
    } catch (error) {
      const failure = failureOf(error);
      if (failure === NOTHING) throw error;
      abandonAnswer(answer);
      const rest = this.#withoutClientFaults(failure);
      if (rest !== NOTHING) tell(rest, () => `Cannot answer ${this.#peer()} with what "onHandlerError" has returned:`);
    }
  }

  /** Waits for a client that takes what it is sent, as the host tells by waking. */
  #forClient(register: (waker: Waker<void>) => void): Promise<void> {
    const operation = beginHttpOperation(this.#context.http, "send body of response");
    return suspend<void>({ kind: "client to take the body" }, register, () => true).finally(() => operation.end());
  }

  #peer(): string {
    const { method, url } = this.#request;
    const what = `${method} ${url}`;
    // Nobody knows any more after the answer.
    return this.#respond === null ? what : `${what} from ${formatAddress(this.remoteAddress)}`;
  }

  #unwatch(): void {
    if (this.#entry !== null) this.#entry.request = null;
    if (this.#gone === null) return;
    this.#request.signal.removeEventListener("abort", this.#gone);
    this.#gone = null;
  }

  #answer(response: Response): void {
    const respond = this.#respond;
    if (respond === null) return;
    this.#unwatch();
    this.#respond = null;
    if (this.#context.isLeaving) closingAfter(response);
    respond(response);
  }
}

/** Lets a moment go by, and then some turns, in which the host looks at its connections and says what it has seen. */
function untilSeen(): Promise<void> {
  let undo: (() => void) | undefined;
  return suspend<void>({ kind: "client to stay for its WebSocket" }, (waker) => {
    const operation = beginHostOperation("upgrade to a WebSocket");
    const timer = hostTimeout(() => turn(UPGRADE_TURNS), UPGRADE_DELAY);
    const turn = (left: number): void => {
      if (left === 0) {
        operation.end();
        return void waker.wake();
      }
      const next = nextTurn(() => turn(left - 1));
      undo = () => {
        dropTurn(next);
        operation.end();
      };
    };
    undo = () => {
      clearHostTimeout(timer);
      operation.end();
    };
  }, () => {
    undo?.();
    return true;
  });
}
