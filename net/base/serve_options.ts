/** The options that servers of all kinds share. */

import { requireFunction, requireTimeout } from "../../core/internal.ts";
import { requireLimit } from "./check.ts";
import { checkHandlerErrorRule } from "./handler_errors.ts";

/** Options of servers of all kinds. */
export interface ServeOptions<S> {
  /**
   * The most connections served at a time. Others wait, of which one per listener is accepted already.
   *
   * @default {Infinity}
   */
  readonly maxConnections?: number;
  /**
   * How long a handler may take, in milliseconds; it fails with `TooSlowError` then.
   *
   * @default {Infinity}
   */
  readonly handlerTimeout?: number;
  /**
   * What to do with an error of a handler; the server goes on, and the stream is closed afterwards. Not called for
   * cancellations. What the function throws itself fails the server. `"fail"` fails the server with the error of the
   * handler, as a nursery fails with that of a child.
   *
   * By default the error is printed, with the task and the peer. In a simulation the default is `"fail"`.
   */
  readonly onHandlerError?: "fail" | ((error: unknown, stream: S) => void | Promise<void>);
  /**
   * Called when a connection could not be accepted; the server tries again, after a pause of up to 100 milliseconds if
   * the system has no more resources (too many open files) or the error repeats. Called once per burst: a new burst begins
   * after one second without a failure. What it throws fails the server. By default the error is printed.
   */
  readonly onAcceptError?: (error: unknown) => void;
}

/** What is checked here of the options of a server. */
interface Checked {
  readonly maxConnections?: number;
  readonly maxRequests?: number;
  readonly handlerTimeout?: number;
  readonly onHandlerError?: unknown;
  readonly onAcceptError?: unknown;
}

/** Checks what all servers are given, before any effect; `limit` is the option that limits how much is served at a time. */
export function checkServe(handler: unknown, options: object, limit: "maxConnections" | "maxRequests"): void {
  const action = "serve";
  requireFunction(action, "handler", handler);
  const { [limit]: most, handlerTimeout, onHandlerError, onAcceptError } = options as Checked;
  if (most !== undefined) requireLimit(action, limit, most);
  if (handlerTimeout !== undefined) requireTimeout(action, "handlerTimeout", handlerTimeout);
  checkHandlerErrorRule(onHandlerError);
  if (onAcceptError !== undefined) requireFunction(action, "onAcceptError", onAcceptError);
}
