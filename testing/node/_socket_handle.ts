/**
 * What is below a socket of `node:net` in a simulation.
 *
 * `net.Socket` and `net.Server` are those of the host and keep all their ways: buffers, half-closes, timeouts, errors.
 * Only the handle that they talk to, libuv's in real life, is one over a connection in memory. So its methods have the
 * names and the manners of libuv: they return 0 or the number of an error, and call back on the object they were given.
 */

import { AsyncLocalStorage } from "node:async_hooks";
import type { SocketAddress } from "../../core/mod.ts";
import type { NetworkConn } from "../../core/lowlevel.ts";
import type { Any, NodeModules } from "./_modules.ts";
import type { Resident, World } from "./world.ts";

/** A request of a socket: told of its end by a number. */
interface Req {
  oncomplete?(status: number, ...more: unknown[]): void;
}

/** Ids of the host count from 1; these must not be mistaken for them. */
let lastId = 2 ** 40;

/** What `node:async_hooks` knows a handle by. */
export function asyncId(): number {
  return ++lastId;
}

/** The socket or server that a handle belongs to: known by a method of it. */
export function ownerOf(handle: object, method: string): Any {
  return Object.getOwnPropertySymbols(handle).map((key) => (handle as Any)[key]).find((value) =>
    typeof value?.[method] === "function"
  );
}

/** As large as what a socket reads at a time. */
const CHUNK = 65_536;

/** See the header. Also that of a Unix socket. */
export class SocketHandle implements Resident {
  /** Set by the socket. */
  reading = false;
  onread: (bytes: ArrayBuffer | undefined, size: number) => unknown = () => {};
  bytesRead = 0;
  bytesWritten = 0;
  /** Bytes that were not sent yet. */
  writeQueueSize = 0;
  readonly world: World;
  readonly #id = asyncId();
  readonly #node: NodeModules;
  /** Calls in the context of whoever made this: the socket's own. */
  readonly #within: <R>(fn: () => R) => R = AsyncLocalStorage.snapshot();
  readonly #lives: () => boolean;
  readonly #accepted: boolean;
  readonly #hosted: boolean;
  /** Opens a connection in the name of whoever made this. */
  readonly #from: <T>(open: () => T) => T;
  #conn: NetworkConn<SocketAddress> | null;
  /** While it connects. */
  #attempt: AbortController | null = null;
  #local: string | undefined;
  #closed = false;
  #referenced = true;
  #shut = false;
  #wanted = false;
  #pumping = false;
  /** What came while nobody wanted to read. */
  #held: (() => void) | null = null;
  /** Into which the socket wants its bytes, if it said so. */
  #userBuffer: Uint8Array | null = null;
  /** Those who wait for an answer. */
  readonly #expected: (() => void)[] = [];
  /** The timer of the socket, which moves time as long as the socket is not unref'd. */
  idle: { ref(): unknown; unref(): unknown } | null = null;

  /** `conn` is one that was accepted. */
  constructor(node: NodeModules, world: World, conn: NetworkConn<SocketAddress> | null = null) {
    this.#node = node;
    this.world = world;
    this.#lives = world.life();
    this.#conn = conn;
    this.#accepted = conn !== null;
    this.#hosted = world.isHosted();
    this.#from = conn === null ? world.place() : (open) => open();
    world.residents.add(this);
  }

  // What the end of the simulation asks.

  isIdle(): boolean {
    return this.#accepted || this.#hosted || !this.#referenced || this.#shut;
  }

  destroy(): void {
    ownerOf(this, "destroy")?.destroy();
    this.detach();
  }

  detach(): void {
    this.close();
  }

  // What a socket calls.

  connect(req: Req, address: string, port?: number): number {
    const { network } = this.world;
    if (port === undefined) return this.#connect(req, () => network.connectUnix!(address));
    const local = this.#local === undefined ? {} : { localAddress: this.#local };
    return this.#connect(req, (signal) => network.connect({ hostname: address, port: Number(port), signal, ...local }));
  }

  connect6(req: Req, address: string, port: number): number {
    return this.connect(req, address, port);
  }

  bind(address: string, port: number): number {
    // The network chooses the ports of its clients.
    if (port > 0) return this.#node.errno("ENOTSUP");
    this.#local = address === "0.0.0.0" || address === "::" ? undefined : address;
    return 0;
  }

  bind6(address: string, port: number): number {
    return this.bind(address, port);
  }

  #connect(req: Req, open: (signal: AbortSignal) => Promise<NetworkConn<SocketAddress>>): number {
    const attempt = this.#attempt = new AbortController();
    this.#expect();
    const ended = (status: number): void => {
      this.#attempt = null;
      this.#answered();
      this.#call(() => req.oncomplete?.(status, this, req, status === 0, status === 0));
    };
    this.#from(() => open(attempt.signal)).then((conn) => {
      if (this.#closed) return conn.close();
      this.#conn = conn;
      ended(0);
    }, (error) => {
      if (!this.#closed) ended(this.#errno(error));
    });
    return 0;
  }

  readStart(): number {
    this.#wanted = true;
    // What was held back comes as it would from the system: not within this call.
    void this.#pump();
    return 0;
  }

  readStop(): number {
    this.#wanted = false;
    return 0;
  }

  useUserBuffer(buffer: Uint8Array): void {
    this.#userBuffer = buffer;
  }

  /** Reads as long as it is wanted. What a read brings after that is kept for the next time. */
  async #pump(): Promise<void> {
    if (this.#pumping || this.#conn === null) return;
    this.#pumping = true;
    const scratch = new Uint8Array(CHUNK);
    try {
      for (let more = true; more && this.#wanted && !this.#closed;) {
        let give: () => void;
        if (this.#held === null) [give, more] = await this.#read(scratch);
        else {
          give = this.#held;
          this.#held = null;
          await null;
        }
        if (this.#closed) return;
        if (this.#wanted) this.#call(give);
        else this.#held = give;
      }
    } finally {
      this.#pumping = false;
    }
  }

  /** What to tell the socket, and whether there is more to come. */
  async #read(scratch: Uint8Array): Promise<[give: () => void, more: boolean]> {
    try {
      const into = this.#userBuffer ?? scratch;
      const size = await this.#conn!.read(scratch.subarray(0, into.length));
      this.#answered();
      if (size === null) return [() => this.onread(undefined, this.#node.errno("EOF")), false];
      const bytes = scratch.slice(0, size);
      return [() => {
        this.bytesRead += size;
        this.#userBuffer?.set(bytes);
        this.#node.streamState.state[this.#node.streamState.offset] = 0;
        this.onread(bytes.buffer, size);
      }, true];
    } catch (error) {
      this.#answered();
      return [() => this.onread(undefined, this.#errno(error)), false];
    }
  }

  writeBuffer(req: Req, bytes: Uint8Array): number {
    return this.#write(req, bytes);
  }

  writeUtf8String(req: Req, text: string): number {
    return this.#write(req, this.#encode(text, "utf8"));
  }

  writeAsciiString(req: Req, text: string): number {
    return this.#write(req, this.#encode(text, "latin1"));
  }

  writeLatin1String(req: Req, text: string): number {
    return this.#write(req, this.#encode(text, "latin1"));
  }

  writeUcs2String(req: Req, text: string): number {
    return this.#write(req, this.#encode(text, "utf16le"));
  }

  /** Several pieces at once: buffers, or in turn a piece and its encoding. */
  writev(req: Req, chunks: readonly Any[], allBuffers: boolean): number {
    const { Buffer } = globalThis as Any;
    if (allBuffers) return this.#write(req, Buffer.concat(chunks));
    const parts: Uint8Array[] = [];
    for (let i = 0; i < chunks.length; i += 2) {
      parts.push(typeof chunks[i] === "string" ? this.#encode(chunks[i], chunks[i + 1]) : chunks[i]);
    }
    return this.#write(req, Buffer.concat(parts));
  }

  #encode(text: string, encoding: string): Uint8Array {
    return (globalThis as Any).Buffer.from(text, encoding);
  }

  #write(req: Req, bytes: Uint8Array): number {
    const { state, written, async } = this.#node.streamState;
    state[written] = bytes.length;
    state[async] = 1;
    if (this.#conn === null) return this.#node.errno("ENOTCONN");
    this.bytesWritten += bytes.length;
    this.writeQueueSize += bytes.length;
    if (!this.#accepted) this.#expect();
    this.#send(this.#conn, bytes).then((status) => this.#call(() => req.oncomplete?.(status, this, undefined)));
    return 0;
  }

  async #send(conn: NetworkConn<SocketAddress>, bytes: Uint8Array): Promise<number> {
    let at = 0;
    try {
      while (at < bytes.length) {
        const size = await conn.write(bytes.subarray(at));
        at += size;
        this.writeQueueSize -= size;
      }
      return 0;
    } catch (error) {
      this.writeQueueSize -= bytes.length - at;
      this.#answered();
      return this.#closed ? this.#node.errno("ECANCELED") : this.#errno(error);
    }
  }

  shutdown(req: Req): number {
    if (this.#conn === null) return this.#node.errno("ENOTCONN");
    this.#shut = true;
    const ended = (status: number): void => this.#call(() => req.oncomplete?.(status));
    this.#conn.closeWrite().then(() => ended(0), (error) => ended(this.#errno(error)));
    return 0;
  }

  close(callback?: () => void): void {
    if (!this.#closed) {
      this.#closed = true;
      this.world.residents.delete(this);
      this.#answered();
      this.#attempt?.abort(new DOMException("The socket was closed", "AbortError"));
      try {
        this.#conn?.close();
      } catch {
        // It is closed already.
      }
    }
    // After what its socket has put off to the next tick: its error comes before its close.
    if (callback !== undefined) this.#node.nextTick(() => this.#call(callback));
  }

  /** Closes it, and lets the peer know that it is not in order. */
  reset(): number {
    (this.#conn as { abort?(why: string): void } | null)?.abort?.("ConnectionReset");
    return 0;
  }

  ref(): void {
    this.#referenced = true;
    this.idle?.ref();
  }

  unref(): void {
    this.#referenced = false;
    this.idle?.unref();
  }

  getAsyncId(): number {
    return this.#id;
  }

  hasRef(): boolean {
    return this.#referenced;
  }

  setNoDelay(): number {
    return 0;
  }

  setKeepAlive(): number {
    return 0;
  }

  getsockname(into: Record<string, unknown>): number {
    return this.#tell(this.#conn?.localAddr, into);
  }

  getpeername(into: Record<string, unknown>): number {
    return this.#tell(this.#conn?.remoteAddr, into);
  }

  #tell(address: SocketAddress | undefined, into: Record<string, unknown>): number {
    if (address === undefined) return this.#node.errno("ENOTCONN");
    Object.assign(into, addressInfo(address));
    return 0;
  }

  #expect(): void {
    this.#expected.push(this.world.expect());
  }

  #answered(): void {
    for (const came of this.#expected.splice(0)) came();
  }

  #errno(error: unknown): number {
    return this.#node.errno(String((error as { code?: unknown } | null)?.code));
  }

  #call(fn: () => void): void {
    if (!this.#lives()) return;
    this.#within(() => {
      try {
        fn();
      } catch (error) {
        this.world.stray(error);
      }
    });
  }
}

/** An address as `net` shows it. */
export function addressInfo(address: SocketAddress): Record<string, unknown> {
  if (address.transport !== "tcp") return {};
  const { hostname, port } = address;
  return { address: hostname, family: hostname.includes(":") ? "IPv6" : "IPv4", port };
}
