/** Writing to a socket of the host. */

import type { SocketAddress } from "../../core/mod.ts";
import type { NetworkConn } from "../../core/lowlevel.ts";
import { formatSocketAddress } from "../base/address.ts";
import { socketFault } from "../host/host_errors.ts";
import { SendHalf } from "./_send_half.ts";

/** See the header. */
export class SocketSend extends SendHalf {
  readonly #conn: NetworkConn<SocketAddress>;

  constructor(conn: NetworkConn<SocketAddress>) {
    super(formatSocketAddress(conn.remoteAddr), conn);
    this.#conn = conn;
  }

  protected override get label(): string {
    return this.ended ? `half-close ${this.to}` : "write";
  }

  protected override write(bytes: Uint8Array): Promise<number> {
    return this.#conn.write(bytes);
  }

  protected override writeEnd(): Promise<void> {
    return this.#conn.closeWrite();
  }

  protected override explain(error: unknown): Error {
    return socketFault(`Cannot send to ${this.to}`, error);
  }
}
