/**
 * Connecting from a given local address.
 *
 * `Deno.connect` cannot do it, `node:net` can. Its sockets push what comes, so here they are made to be asked: bytes
 * stay in the socket, which stops reading at its high-water mark, until a read wants them.
 *
 * Only for connections that need it, as `Deno.startTls` does not take such a socket.
 */

import { createConnection, type Socket } from "node:net";
import type { TcpAddress } from "../../core/mod.ts";
import type { NetworkConn } from "../../core/lowlevel.ts";
import { formatAddress } from "../base/address.ts";

/** Where from and where to. */
export interface ConnectFrom {
  readonly hostname: string;
  readonly port: number;
  readonly localAddress: string;
  readonly signal?: AbortSignal;
}

/**
 * Opens a connection whose local address is the one given. `requireAccess` throws if the program may not use a
 * host: it is asked first, as for want of the permission `node:net` throws where nobody can catch it (Deno 2.9.6).
 */
export async function connectFrom(
  { hostname, port, localAddress, signal }: ConnectFrom,
  requireAccess: (host: string) => Promise<void>,
): Promise<NetworkConn> {
  await requireAccess(formatAddress({ hostname: localAddress, port: 0 }));
  await requireAccess(formatAddress({ hostname, port }));
  signal?.throwIfAborted();
  return await new Promise((resolve, reject) => {
    const socket = createConnection({
      host: hostname,
      port,
      localAddress,
      allowHalfOpen: true,
      autoSelectFamily: false,
    });
    const giveUp = () => {
      reject(signal!.reason);
      socket.destroy();
    };
    signal?.addEventListener("abort", giveUp, { once: true });
    socket.once("error", reject);
    socket.once("connect", () => {
      signal?.removeEventListener("abort", giveUp);
      socket.off("error", reject);
      resolve(new SocketConn(socket, { transport: "tcp", hostname, port }));
    });
    socket.once("close", () => signal?.removeEventListener("abort", giveUp));
  });
}

/** A read that waits for the socket to have something. */
interface Reader {
  readonly buffer: Uint8Array;
  readonly resolve: (size: number | null) => void;
  readonly reject: (error: unknown) => void;
}

/** A socket of `node:net` in the shape of a connection of Deno. One read at a time, as streams do. */
class SocketConn implements NetworkConn {
  readonly localAddr: TcpAddress;
  readonly remoteAddr: TcpAddress;
  readonly #socket: Socket;
  #reader: Reader | null = null;
  /** What the socket gave beyond what the last read had room for. */
  #rest: Uint8Array | null = null;
  #ended = false;
  /** Why there is nothing more to read or write. Written when the socket breaks, and when it is closed. */
  #fault: unknown = null;

  constructor(socket: Socket, remoteAddr: TcpAddress) {
    this.#socket = socket;
    this.remoteAddr = remoteAddr;
    this.localAddr = { transport: "tcp", hostname: socket.localAddress!, port: socket.localPort! };
    socket.on("readable", this.#look);
    socket.on("end", () => {
      this.#ended = true;
      this.#look();
    });
    socket.on("error", (error) => this.#fail(error));
    socket.on("close", () => this.#fail(new Error("The connection is closed")));
  }

  read(buffer: Uint8Array): Promise<number | null> {
    return new Promise((resolve, reject) => {
      this.#reader = { buffer, resolve, reject };
      this.#look();
    });
  }

  write(data: Uint8Array): Promise<number> {
    return new Promise((resolve, reject) => {
      if (this.#fault !== null) return reject(this.#fault);
      this.#socket.write(data, (error) => error ? reject(this.#fault ?? error) : resolve(data.length));
    });
  }

  closeWrite(): Promise<void> {
    return new Promise((resolve) => {
      // When it is broken, there is nobody left to tell.
      if (this.#fault !== null) return resolve();
      this.#socket.once("close", () => resolve());
      this.#socket.end(() => resolve());
    });
  }

  close(): void {
    this.#fail(new Error("The connection is closed"));
    this.#socket.destroy();
  }

  setNoDelay(noDelay?: boolean): void {
    this.#socket.setNoDelay(noDelay);
  }

  setKeepAlive(keepAlive?: boolean): void {
    this.#socket.setKeepAlive(keepAlive);
  }

  #fail(error: unknown): void {
    this.#fault ??= error;
    this.#look();
  }

  /** Serves the read that waits, if there is something for it: bytes first, then the end, then the fault. */
  readonly #look = (): void => {
    const reader = this.#reader;
    if (reader === null) return;
    const bytes: Uint8Array | null = this.#rest ?? this.#socket.read();
    if (bytes !== null && bytes.length > 0) {
      const part = bytes.subarray(0, reader.buffer.length);
      reader.buffer.set(part);
      this.#rest = part.length === bytes.length ? null : bytes.subarray(part.length);
      this.#reader = null;
      reader.resolve(part.length);
    } else if (this.#ended) {
      this.#reader = null;
      reader.resolve(null);
    } else if (this.#fault !== null) {
      this.#reader = null;
      reader.reject(this.#fault);
    }
  };
}
