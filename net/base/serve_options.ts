/** The options that servers of all kinds share. */

import { deferringShutdown, ignore, requireFunction, requireTimeout } from "../../core/internal.ts";
import { requireLimit } from "./check.ts";
import { checkHandlerErrorRule } from "./handler_errors.ts";

/**
 * Options of `listenerServer()` and `serveListeners()`, which the servers of TCP, TLS and Unix sockets take, too.
 *
 * @category Servers
 */
export interface ServeOptions<S> {
  /**
   * The most connections served at a time. Beyond that each listener holds back one accepted connection; the rest queue
   * in the backlog.
   *
   * @default {Infinity}
   */
  readonly maxConnections?: number;
  /**
   * How long a handler may take, in milliseconds. After that it fails with `TooSlowError`.
   *
   * @default {Infinity}
   */
  readonly handlerTimeout?: number;
  /**
   * How long the server goes on as before once a shutdown was requested, in milliseconds: it accepts what comes, and its
   * handlers know nothing of the shutdown. So a proxy has the time to notice that it is to send no more. Then the server
   * drains. The grace of the shutdown runs meanwhile, and has to be longer.
   *
   * @default {0}
   */
  readonly lameDuck?: number;
  /**
   * Called when a shutdown was requested, at the beginning of `lameDuck`: to say "not ready" where the proxy asks. An
   * error of it is printed.
   */
  readonly onLameDuck?: () => unknown;
  /**
   * What to do with an error of a handler. A function is called with the error and the stream. The server goes on, and
   * the stream is closed afterwards. The function is not called for cancellations. If it throws, the server fails with
   * that error. `"fail"` fails the server with the error of the handler, as a nursery fails with that of a child.
   *
   * By default the error is printed, with the task and the peer. In a simulation the default is `"fail"`.
   */
  readonly onHandlerError?: "fail" | ((error: unknown, stream: S) => void | Promise<void>);
  /**
   * Called when a connection could not be accepted. By default the error is printed. The server tries again; if the
   * system has no more resources (too many open files) or the error repeats, it first pauses for up to 100
   * milliseconds.
   *
   * The function is called once per burst: a new burst begins after one second without a failure. If it throws, the
   * server fails with that error.
   */
  readonly onAcceptError?: (error: unknown) => void;
}

/** What is checked here of the options of a server. */
interface Checked {
  readonly maxConnections?: number;
  readonly maxRequests?: number;
  readonly handlerTimeout?: number;
  readonly lameDuck?: number;
  readonly onLameDuck?: () => unknown;
  readonly onHandlerError?: unknown;
  readonly onAcceptError?: unknown;
}

/**
 * Checks what all servers are given, before any effect; `limit` is the option that limits how much is served at a time.
 */
export function checkServe(handler: unknown, options: object, limit: "maxConnections" | "maxRequests"): void {
  const action = "serve";
  requireFunction(action, "handler", handler);
  const { [limit]: most, handlerTimeout, lameDuck, onLameDuck, onHandlerError, onAcceptError } = options as Checked;
  if (most !== undefined) requireLimit(action, limit, most);
  if (handlerTimeout !== undefined) requireTimeout(action, "handlerTimeout", handlerTimeout);
  if (lameDuck !== undefined) requireTimeout(action, "lameDuck", lameDuck);
  if (onLameDuck !== undefined) requireFunction(action, "onLameDuck", onLameDuck);
  checkHandlerErrorRule(onHandlerError);
  if (onAcceptError !== undefined) requireFunction(action, "onAcceptError", onAcceptError);
}

/** Serves, with a lame-duck time if one is wanted; `requested` is called when that begins. */
export function withLameDuck<T>(
  { lameDuck, onLameDuck }: Pick<Checked, "lameDuck" | "onLameDuck">,
  serve: () => Promise<T>,
  requested: () => void = ignore,
): Promise<T> {
  if (lameDuck === undefined && onLameDuck === undefined) return serve();
  return deferringShutdown({
    ms: lameDuck ?? 0,
    requested() {
      requested();
      return onLameDuck?.();
    },
  }, serve);
}
