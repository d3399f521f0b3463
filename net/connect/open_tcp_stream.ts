/**
 * Connecting by name: "Happy Eyeballs" (RFC 8305).
 *
 * A name has several addresses, and some may not answer: a broken IPv6 route makes a connect hang for minutes. So
 * the next address is tried when the last attempt has failed, or has not succeeded within a quarter of a
 * second, while earlier attempts go on; the first to succeed wins.
 */

import { BrokenResourceError, ErrorGroup, Event, moveOnAfter, openNursery } from "../../core/mod.ts";
import type { ResolvedAddress } from "../../core/lowlevel.ts";
import { composedWait, failureOf, NOTHING, requireOptions, requireTimeout } from "../../core/internal.ts";
import { formatAddress, ipVersion } from "../base/address.ts";
import { requireHostname, requireIp, requirePort } from "../base/check.ts";
import { ambientNetwork } from "../host/deno_network.ts";
import { closeAll, takeOver } from "../host/host_call.ts";
import { isNotCapable, messageOf } from "../host/host_errors.ts";
import { resolveName } from "../host/resolve_name.ts";
import { waitForHost } from "../host/wait_for_host.ts";
import { SocketStream } from "../streams/socket_stream.ts";
import { interleave } from "./_happy_eyeballs.ts";

/**
 * Options of `openTcpStream()`.
 *
 * @category Connecting
 */
export interface OpenTcpStreamOptions {
  /**
   * How long an attempt may take before the next address is tried beside it, in milliseconds (RFC 8305 §5).
   *
   * @default {250}
   */
  readonly happyEyeballsDelay?: number;
  /**
   * The IP address of this machine to connect from. By default the system chooses one. If it is given, only addresses
   * of the same IP version are tried.
   *
   * Such a connection goes through `node:net`, so TLS cannot begin on it. The program also needs the permission to use
   * the local address (`--allow-net`).
   */
  readonly localAddress?: string;
}

/** What RFC 8305 §8 recommends and browsers use. */
const DEFAULT_DELAY = 250;

/**
 * Opens a TCP connection to a host, by name or address.
 *
 * All addresses of the name are tried, staggered, and the first connection wins. Every other attempt is ended, and its
 * connection closed, on every path. The function has no timeout: put `failAfter()` around it. If the program may use
 * the host by its name only (`--allow-net=db.example:5432`), Deno chooses the address, and staggers the attempts
 * itself.
 *
 * **Cancellation:** throws `Cancelled`; a connection that comes too late is closed.
 *
 * @example Asking, with a timeout
 * ```ts
 * import { failAfter, openNursery, openTcpStream, tcpServer } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * await openNursery(async (nursery) => {
 *   const server = tcpServer((stream) => stream.sendAll(new Uint8Array([42])), { hostname: "127.0.0.1", port: 0 });
 *   const [address] = await nursery.start(server);
 *   const answer = await failAfter(5_000, async () => {
 *     using stream = await openTcpStream("127.0.0.1", address.port);
 *     return await stream.receiveSome();
 *   });
 *   assertEquals(answer, new Uint8Array([42]));
 *   nursery.cancel();
 * });
 * ```
 *
 * @param hostname A host name or an IP address.
 * @param port The port, 1 to 65535.
 * @param options The delay between attempts, and where to connect from.
 * @returns The connection, which belongs to the caller.
 * @throws {BrokenResourceError} If no address could be reached; its `cause` is the `ErrorGroup` of all attempts.
 * @throws {RangeError} If `port` or `hostname` is not a valid port or host name.
 * @category Connecting
 */
export function openTcpStream(
  hostname: string,
  port: number,
  options: OpenTcpStreamOptions = {},
): Promise<SocketStream> {
  return composedWait(() => open(hostname, port, options));
}

async function open(given: string, port: number, options: OpenTcpStreamOptions): Promise<SocketStream> {
  const action = "open a TCP stream";
  requireOptions(action, options);
  const { happyEyeballsDelay = DEFAULT_DELAY, localAddress } = options;
  const hostname = requireHostname(action, "hostname", given);
  requirePort(action, port, 1);
  requireTimeout(action, "happyEyeballsDelay", happyEyeballsDelay);
  if (localAddress !== undefined) requireIp(action, "localAddress", localAddress);
  const target = formatAddress({ hostname, port });
  const found = await resolveName(hostname, `connect to ${target}`);
  const addresses = interleave(reachable(found, target, localAddress));
  const errors: unknown[] = [];
  let winner: SocketStream | null = null;
  try {
    await openNursery(async (nursery) => {
      for (const [index, { address }] of addresses.entries()) {
        const failed = new Event();
        nursery.startSoon(async () => {
          try {
            const stream = await connect(address, port, localAddress);
            // Two may succeed in one turn.
            if (winner !== null) return stream.close();
            winner = stream;
            nursery.cancel("connected");
          } catch (error) {
            if (!(error instanceof BrokenResourceError)) throw error;
            errors.push(error);
            failed.set();
          }
        }, { name: `connect ${formatAddress({ hostname: address, port })}` });
        if (index < addresses.length - 1) await moveOnAfter(happyEyeballsDelay, () => failed.wait());
      }
    }, { name: `connect ${target}` });
  } catch (error) {
    (winner as SocketStream | null)?.close();
    throw error instanceof ErrorGroup && error.errors.length === 1 ? error.errors[0] : error;
  }
  if (winner !== null) return winner;
  const reasons = errors.map((error) => (error as Error).message.replace(/^Cannot connect to /, "")).join("; ");
  throw new BrokenResourceError(`Cannot connect to ${target} as no attempt succeeded: ${reasons}`, {
    cause: new ErrorGroup(errors),
  });
}

/** The addresses that can be reached from a local one. */
function reachable(
  addresses: readonly ResolvedAddress[],
  target: string,
  localAddress: string | undefined,
): readonly ResolvedAddress[] {
  if (localAddress === undefined) return addresses;
  const version = ipVersion(localAddress);
  const found = addresses.filter(({ family }) => family === version);
  if (found.length > 0) return found;
  const all = addresses.map(({ address }) => address).join(", ");
  throw new BrokenResourceError(
    `Cannot connect to ${target} as no address of it can be reached from "localAddress" ${localAddress}: found ${all}`,
  );
}

/** One attempt. What the network says is wrapped; a permission that is missing is not the network's fault. */
async function connect(hostname: string, port: number, localAddress: string | undefined): Promise<SocketStream> {
  const network = ambientNetwork();
  const target = formatAddress({ hostname, port });
  const controller = new AbortController();
  const where = { hostname, port, signal: controller.signal, ...(localAddress === undefined ? {} : { localAddress }) };
  try {
    const conn = await waitForHost(`connect ${target}`, () => network.connect(where), {
      network,
      discard: closeAll,
      // Deno leaks the socket when a connect is aborted in the very turn in which it succeeded; a turn later it has
      // told us.
      abandoned: () => controller.abort(),
    });
    return takeOver(conn, (conn) => new SocketStream(conn));
  } catch (error) {
    const failure = failureOf(error);
    if (failure === NOTHING) throw error;
    if (isNotCapable(failure)) throw failure;
    throw new BrokenResourceError(`Cannot connect to ${target}: ${messageOf(failure)}`, { cause: failure });
  }
}
