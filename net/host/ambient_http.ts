/**
 * HTTP of the current run: that of its network, or the host's.
 *
 * What is in memory is no operation of the host, and has the times of the run: a timeout that guards against the host's
 * faults would otherwise pass in real time while virtual time does not move.
 */

import { beginHostOperation, currentRun, type HostOperation, type NetworkHttp } from "../../core/lowlevel.ts";
import { hostClear, hostTimeout } from "../../core/internal.ts";
import { denoHttp } from "./deno_http.ts";

/** HTTP for what somebody is about to do, to a URL if there is one already. */
export function ambientHttp(action: string, url?: string | URL): NetworkHttp {
  const { network } = currentRun();
  if (network === undefined || (url !== undefined && !isOfNetwork(url))) return denoHttp;
  if (network.http !== undefined) return network.http;
  if (network.inMemory !== true) return denoHttp;
  throw new TypeError(
    `Cannot ${action} as the network of this run is in memory and must have HTTP: it has no property "http" (or set the options network: "host" and io: { quiet: 50 })`,
  );
}

/** Whether what a URL names is on some network: `data:`, `blob:` and what is no URL are the host's business. */
function isOfNetwork(url: string | URL): boolean {
  return /^\s*(https?|wss?):/i.test(String(url));
}

const NOT_OF_THE_HOST: HostOperation = { label: "", end() {} };

/** Begins an operation of HTTP: one of the host, or none. */
export function beginHttpOperation(http: NetworkHttp, label: string): HostOperation {
  return http.inMemory === true ? NOT_OF_THE_HOST : beginHostOperation(label);
}

/** Calls back after some milliseconds, of the host's clock or that of the run; returns how to prevent it. */
export function httpTimeout(http: NetworkHttp, callback: () => void, ms: number): () => void {
  if (http.inMemory !== true) {
    const timer = hostTimeout(callback, ms);
    return () => hostClear(timer);
  }
  const { clock } = currentRun();
  const alarm = clock.at(clock.now() + ms, callback, undefined);
  return () => alarm.cancel();
}
