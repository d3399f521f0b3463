/** Connecting to a Unix socket. */

import { BrokenResourceError, type UnixAddress } from "../../core/mod.ts";
import { composedWait, failureOf, NOTHING } from "../../core/internal.ts";
import { formatPath } from "../base/address.ts";
import { requireSocketPath } from "../base/check.ts";
import { ambientNetwork } from "../host/deno_network.ts";
import { closeAll, takeOver } from "../host/host_call.ts";
import { isNotCapable, messageOf } from "../host/host_errors.ts";
import { waitForHost } from "../host/wait_for_host.ts";
import { SocketStream } from "../streams/socket_stream.ts";

/**
 * Opens a connection to a Unix socket of this machine.
 *
 * A path that begins with a zero byte is an abstract name, which has no file (Linux). Deno 2.9.6 needs `--allow-read`,
 * `--allow-write` and `--allow-net` for the path, the last one as `unix:/path/in/full`.
 *
 * **Cancellation:** throws `Cancelled`; a connection that comes too late is closed.
 *
 * @example Asking a server on this machine
 * ```ts
 * import { openNursery, openUnixStream, unixServer } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * const path = `${await Deno.makeTempDir()}/answer.sock`;
 * await openNursery(async (nursery) => {
 *   await nursery.start(unixServer((stream) => stream.sendAll(new Uint8Array([42])), { path }));
 *   using stream = await openUnixStream(path);
 *   assertEquals(await stream.receiveSome(), new Uint8Array([42]));
 *   nursery.cancel();
 * });
 * ```
 *
 * @param path The path of the socket.
 * @returns The connection, which belongs to the caller.
 * @throws {BrokenResourceError} If there is no such socket, or nobody listens on it; `cause` is the host's error.
 * @throws {RangeError} If `path` is not a valid socket path.
 * @category Connecting
 */
export function openUnixStream(path: string): Promise<SocketStream<UnixAddress>> {
  return composedWait(() => open(path));
}

async function open(path: string): Promise<SocketStream<UnixAddress>> {
  const action = "open a Unix stream";
  requireSocketPath(action, path);
  const network = ambientNetwork();
  if (network.connectUnix === undefined) {
    throw new TypeError(`Cannot ${action} as the network of this run must have a method "connectUnix": it has none`);
  }
  const connect = network.connectUnix.bind(network);
  const target = formatPath(path);
  try {
    const conn = await waitForHost(`connect ${target}`, () => connect(path), { network, discard: closeAll });
    return takeOver(conn, (conn) => new SocketStream(conn));
  } catch (error) {
    const failure = failureOf(error);
    if (failure === NOTHING) throw error;
    if (isNotCapable(failure)) throw failure;
    throw new BrokenResourceError(`Cannot connect to ${target}: ${messageOf(failure)}`, { cause: failure });
  }
}
