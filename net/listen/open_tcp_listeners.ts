/** Listening on TCP ports. */

import { composedWait, requireOptions } from "../../core/internal.ts";
import { checkListen, type OpenTcpListenersOptions } from "../base/listen_options.ts";
import { ambientNetwork } from "../host/deno_network.ts";
import { makeAtOnce } from "../host/host_call.ts";
import { listenOnAll } from "../host/listen_on_all.ts";
import { SocketListener } from "./socket_listener.ts";

/**
 * Listens on a TCP port, on every address that the host name stands for.
 *
 * All or none: if one address fails, the other listeners are closed again. An address that this machine cannot use,
 * such as `::1` where IPv6 is switched off, is no failure as long as another address of the name works.
 *
 * **Cancellation:** throws `Cancelled`; nothing is left open.
 *
 * @example A port that is free
 * ```ts
 * import { openTcpListeners } from "@trefoil/io";
 * import { assert } from "@std/assert";
 *
 * const [listener] = await openTcpListeners(0, { hostname: "127.0.0.1" });
 * using _ = listener;
 * assert(listener.address.port > 0);
 * ```
 *
 * @param port The port; 0 takes any free one, the same for all addresses.
 * @param options The host name, the backlog, and whether to share the port.
 * @returns A listener for each address, at least one; they belong to the caller.
 * @throws {BrokenResourceError} If the port is in use or the address is not of this machine. `cause` is the host's
 *   error, or the `ErrorGroup` of the failures of all addresses.
 * @throws {TypeError} If `reusePort` needs a flag that Deno was started without.
 * @throws {RangeError} If `port` or `hostname` is not a valid port or host name.
 * @category Listening
 */
export function openTcpListeners(
  port: number,
  options: OpenTcpListenersOptions = {},
): Promise<[SocketListener, ...SocketListener[]]> {
  return composedWait(() => listen(port, options));
}

async function listen(
  port: number,
  options: OpenTcpListenersOptions,
): Promise<[SocketListener, ...SocketListener[]]> {
  requireOptions("listen", options);
  checkListen(port, options);
  const network = ambientNetwork();
  return await listenOnAll(port, options, {
    listen: (where) => makeAtOnce("listen", () => network.listen(where)),
    wrap: (listener) => new SocketListener(listener),
  });
}
