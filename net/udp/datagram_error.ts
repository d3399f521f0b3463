/** A datagram that was not sent. */

import type { UdpAddress } from "../../core/mod.ts";

/**
 * A datagram could not be sent: it is too large, its destination cannot be reached, or may not be sent to. The socket
 * goes on. `cause` is the host's error.
 *
 * @example A datagram that is too large for the socket's buffer, or whose destination has no route, fails alone
 * ```ts
 * import { DatagramError, openUdpSocket } from "@trefoil/io";
 * import { assert, assertEquals } from "@std/assert";
 *
 * using socket = await openUdpSocket({ hostname: "127.0.0.1", port: 0 });
 * const error = await socket.send(new Uint8Array(1), { hostname: "255.255.255.255", port: 9 }).catch((error) => error);
 * assert(error instanceof DatagramError);
 * assertEquals(error.address.port, 9);
 * ```
 *
 * @category UDP
 */
export class DatagramError extends Error {
  /** Always `"DatagramError"`. */
  override readonly name = "DatagramError";
  /** The host's code, such as `"EMSGSIZE"`; `undefined` if it gave none. */
  readonly code: string | undefined;
  /** Where the datagram should have gone. */
  readonly address: UdpAddress;

  /**
   * Makes one.
   *
   * @param message What failed, and why.
   * @param options The destination, the host's code, and its error as `cause`.
   */
  constructor(
    message: string,
    options: ErrorOptions & { readonly address: UdpAddress; readonly code?: string | undefined },
  ) {
    super(message, options);
    this.code = options.code;
    this.address = options.address;
  }
}
