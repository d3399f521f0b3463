/**
 * Listening on Unix sockets.
 *
 * A server that was killed leaves its socket file behind, and the next cannot listen there. So a file in the way is
 * tried: if it is a socket and nobody answers, it is stale, and is removed. Between the trying and the removing another
 * server may begin to listen on that very path, having removed the stale file itself, and would lose its file. No call
 * of the system closes that gap; who starts the same server twice at the same moment needs a lock of their own.
 */

import { BrokenResourceError, checkpoint, type UnixAddress } from "../../core/mod.ts";
import type { Network, NetworkConn, NetworkListener } from "../../core/lowlevel.ts";
import { composedWait, failureOf, isInstance, NOTHING, read, requireOptions } from "../../core/internal.ts";
import { formatPath } from "../base/address.ts";
import { checkListenUnix, type OpenUnixListenerOptions } from "../base/listen_options.ts";
import { ambientNetwork } from "../host/deno_network.ts";
import { closeAll, makeAtOnce, takeOver } from "../host/host_call.ts";
import { isNotCapable, messageOf } from "../host/host_errors.ts";
import { waitForHost } from "../host/wait_for_host.ts";
import { SocketListener } from "./socket_listener.ts";
import type { SocketStream } from "../streams/socket_stream.ts";

/**
 * Listens on a Unix socket.
 *
 * A socket file on which nobody answers is removed first. A socket in use, or a file of another kind, is never removed.
 * The file is removed when the listener is closed. A path that begins with a zero byte is an abstract name, which has
 * no file (Linux).
 *
 * **Not guaranteed:** that closing spares the file of another server. If somebody has removed the file of this
 * listener, and another server listens on the same path, Deno removes the file of that server. So end a server before
 * its successor begins.
 *
 * Deno 2.9.6 needs `--allow-read`, `--allow-write` and `--allow-net` for the path, the last one as
 * `unix:/path/in/full`.
 *
 * **Cancellation:** throws `Cancelled`; nothing is left open.
 *
 * @example For this user only
 * ```ts
 * import { openUnixListener } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * const path = `${await Deno.makeTempDir()}/private.sock`;
 * using listener = await openUnixListener(path, { mode: 0o600 });
 * assertEquals(listener.address.path, path);
 * ```
 *
 * @param path The path of the socket.
 * @param options The permissions of the file.
 * @returns The listener, which belongs to the caller.
 * @throws {BrokenResourceError} If the path is in use, or no file can be made there; `cause` is the host's error.
 * @throws {RangeError} If `path` is not a valid socket path, or `mode` is not valid permissions.
 * @category Listening
 */
export function openUnixListener(
  path: string,
  options: OpenUnixListenerOptions = {},
): Promise<SocketListener<SocketStream<UnixAddress>>> {
  return composedWait(() => listen(path, options));
}

async function listen(
  path: string,
  options: OpenUnixListenerOptions,
): Promise<SocketListener<SocketStream<UnixAddress>>> {
  requireOptions("listen", options);
  checkListenUnix(path, options);
  const { mode } = options;
  const network = ambientNetwork();
  if (network.listenUnix === undefined) {
    throw new TypeError('Cannot listen as the network of this run must have a method "listenUnix": it has none');
  }
  await checkpoint();
  const where = mode === undefined ? { path } : { path, mode };
  const listenUnix = network.listenUnix.bind(network);
  const listenHere = (): NetworkListener<NetworkConn<UnixAddress>> => makeAtOnce("listenUnix", () => listenUnix(where));
  try {
    let listener: NetworkListener<NetworkConn<UnixAddress>>;
    try {
      listener = listenHere();
    } catch (error) {
      if (!isCalled(error, "AddrInUse")) throw error;
      await removeStale(network, path, error);
      listener = listenHere();
    }
    return takeOver(listener, (listener) => new SocketListener<SocketStream<UnixAddress>>(listener));
  } catch (error) {
    const failure = failureOf(error);
    if (failure === NOTHING) throw error;
    if (isNotCapable(failure) || isInstance(failure, BrokenResourceError)) throw failure;
    throw new BrokenResourceError(`Cannot listen on ${formatPath(path)}: ${messageOf(failure)}`, { cause: failure });
  }
}

/**
 * Removes a socket file if nobody answers on it; an error if that is not what it is. A network that cannot find out, or
 * not remove it, leaves it alone: then it is `inUse`.
 */
async function removeStale(network: Network, path: string, inUse: unknown): Promise<void> {
  const target = formatPath(path);
  const connect = network.connectUnix?.bind(network, path);
  const remove = network.removeSocketFile?.bind(network, path);
  if (connect === undefined) throw inUse;
  try {
    closeAll(await waitForHost(`connect ${target}`, connect, { network, discard: closeAll }));
  } catch (error) {
    // Gone meanwhile. Or going: Deno ends a listener, and then removes its file, a turn after `close()` if an accept is
    // in flight, and turns away who connects until then.
    if (isCalled(error, "NotFound") || isCalled(error, "ConnectionReset")) return;
    // Nobody listens: so says the host of any file that is no socket, too.
    if (!isCalled(error, "ConnectionRefused")) throw error;
    if (path.startsWith("\0")) return;
    if (remove === undefined) throw inUse;
    if (await waitForHost(`remove ${target}`, remove, { network })) return;
    throw new BrokenResourceError(
      `Cannot listen on ${target} as a file that is no socket is there: choose another path, or remove it yourself`,
      { cause: error },
    );
  }
  throw new BrokenResourceError(`Cannot listen on ${target} as another server listens there: stop it first`);
}

function isCalled(error: unknown, name: string): boolean {
  return read(error, "name") === name;
}
