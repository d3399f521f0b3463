/** Waiting for an operation of the host that may be left behind. */

import { currentRun, suspend } from "../../core/lowlevel.ts";
import { callHost, HOST, hostClear, hostImmediate, hostTimeout, type Owner } from "../../core/internal.ts";
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
  return suspend<T>({ kind: label }, (waker) => {
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

/**
 * Calls back after so many milliseconds, on the clock that a host lives by: the run's, if it is in memory. Returns what
 * prevents it.
 */
export function later({ inMemory }: Owner, callback: () => void, ms: number): () => void {
  if (inMemory === true) {
    const { clock } = currentRun();
    const alarm = clock.at(clock.now() + ms, callback, undefined);
    return () => alarm.cancel();
  }
  const timer = hostTimeout(callback, ms);
  return () => hostClear(timer);
}
