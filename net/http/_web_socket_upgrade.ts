/**
 * What becomes of a request that is answered with a WebSocket.
 *
 * The response that a handler returns is only a sign: the host's upgrade happens when the server has it in its hands.
 * An upgrade whose response never reaches the host (an error or a cancellation in between) would end the whole server.
 */

import type { NetworkHttp } from "../../core/lowlevel.ts";

/** An upgrade that was asked for. */
export interface Upgrade {
  /** Upgrades the request; gives the real answer, and what to run in the task of the request from then on. */
  begin(request: Request, http: NetworkHttp): { readonly answer: Response; readonly run: () => Promise<void> };
}

const upgrades = new WeakMap<Response, Upgrade>();

/** Makes the response that stands for an upgrade. */
export function registerUpgrade(upgrade: Upgrade): Response {
  const response = new Response(null, { status: 101 });
  upgrades.set(response, upgrade);
  return response;
}

/** The upgrade that a response stands for. */
export function upgradeOf(response: Response): Upgrade | undefined {
  return upgrades.get(response);
}
