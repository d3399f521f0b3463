/** A port for a server that cannot choose one by itself. */

import { openTcpListeners } from "../../mod.ts";

/** Returns a port of this machine that nobody listens on. */
export async function freePort(): Promise<number> {
  const [listener] = await openTcpListeners(0, { hostname: "127.0.0.1" });
  using _ = listener;
  return listener.address.port;
}
