/** A datagram that was not sent. */

import type { UdpAddress } from "../../core/mod.ts";

/**
 * A datagram could not be sent: it is too large, its destination cannot be reached, or may not be sent to. The socket
 * goes on. `cause` is the host's error.
 *
 * @example A broadcast that the socket was not opened for fails alone
 * ```ts
 * import { DatagramError, openUdpSocket, simulate } from "@trefoil/io";
 * import { assert, assertEquals } from "@std/assert";
 *
 * await simulate(async () => {
 *   using socket = await openUdpSocket();
 *   const everybody = { hostname: "255.255.255.255", port: 9 };
 *   const error = await socket.send(new Uint8Array(1), everybody).catch((error) => error);
 *   assert(error instanceof DatagramError);
 *   assertEquals([error.code, error.address.port], ["EACCES", 9]);
 * });
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
