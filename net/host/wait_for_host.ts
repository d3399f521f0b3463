/** Waiting for an operation of the host that may be left behind. */

import { suspend } from "../../core/lowlevel.ts";
import { callHost, HOST, hostImmediate, hostReason, type Owner } from "../../core/internal.ts";
import { tellHost } from "./host_call.ts";

/** Options of `waitForHost()`. */
export interface HostWait<T> {
  /** Of which network it is, if it is none of Deno's own functions. */
  readonly network?: Owner;
  /** Gets what comes when nobody waits for it any more. */
  readonly discard?: (late: T) => unknown;
  /** Called a turn after the wait was cancelled, unless it is over by then. */
  readonly abandoned?: () => unknown;
}

/** Waits for what `begin` begins; see `callHost()`. */
export function waitForHost<T>(
  label: string,
  begin: () => PromiseLike<T>,
  { network = HOST, discard = () => {}, abandoned }: HostWait<T> = {},
): Promise<T> {
  let settled = false;
  return suspend<T>(hostReason(label), (waker) => {
    const operation = callHost(network, label, { begin }, (value) => {
      settled = true;
      operation.end();
      if (!waker.wake(value)) tellHost(() => discard(value));
    }, (error) => {
      settled = true;
      operation.end();
      waker.fail(error);
    });
  }, () => {
    if (abandoned !== undefined) hostImmediate(() => settled || tellHost(abandoned));
    return true;
  });
}
