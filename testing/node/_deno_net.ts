/** `Deno.connect()` and `Deno.listen()` on the network in memory, in the shapes of Deno. */

import type { SocketAddress } from "../../core/mod.ts";
import type { NetworkConn, NetworkListener } from "../../core/lowlevel.ts";
import type { Any, Patch } from "./_modules.ts";
import type { World } from "./world.ts";

type Conn = NetworkConn<SocketAddress>;

/** Lets code of a simulation connect and listen on its network, whichever way it says so. */
export function patchDenoNet(patch: Patch, find: () => World | null): void {
  const { Deno: deno } = globalThis as Any;
  patch(deno, "connect", (host) => (options: Any, ...more: Any[]) => {
    const world = find();
    if (world === null || !isStream(options)) return host(options, ...more);
    return connect(world, options);
  });
  patch(deno, "listen", (host) => (options: Any, ...more: Any[]) => {
    const world = find();
    if (world === null || !isStream(options)) return host(options, ...more);
    const { network } = world;
    const { transport, path, hostname = "0.0.0.0", port = 0, reusePort = false, tcpBacklog } = options;
    return new DenoListener(
      (transport === "unix" ? network.listenUnix!({ path }) : network.listen({
        // A name would take time to look up, which this call has not.
        hostname: hostname === "localhost" ? "127.0.0.1" : hostname,
        port,
        reusePort,
        ...(tcpBacklog === undefined ? {} : { backlog: tcpBacklog }),
      })) as NetworkListener<Conn>,
    );
  });
}

/** Whether the options are those of a connection over TCP or a Unix socket. What is wrong in them is for the host to say. */
function isStream(options: Any): boolean {
  const { transport = "tcp", port, path } = options ?? {};
  return transport === "tcp" ? Number.isInteger(port ?? 0) : transport === "unix" && typeof path === "string";
}

async function connect({ network }: World, options: Any): Promise<DenoConn> {
  const { transport, path, hostname = "127.0.0.1", port, signal } = options;
  signal?.throwIfAborted();
  if (transport === "unix") return new DenoConn(await network.connectUnix!(path));
  const isAddress = /^[\d.]+$|:/.test(hostname);
  const addresses = isAddress ? [{ address: hostname }] : await network.resolve(hostname);
  let failure: unknown;
  for (const { address } of addresses) {
    try {
      return new DenoConn(await network.connect({ hostname: address, port, ...(signal ? { signal } : {}) }) as Conn);
    } catch (error) {
      failure ??= error;
      if (signal?.aborted) break;
    }
  }
  throw failure;
}

/** A connection as Deno has it. */
class DenoConn {
  readonly localAddr: SocketAddress;
  readonly remoteAddr: SocketAddress;
  readonly #conn: Conn;
  #readable: ReadableStream<Uint8Array> | undefined;
  #writable: WritableStream<Uint8Array> | undefined;

  constructor(conn: Conn) {
    this.#conn = conn;
    this.localAddr = conn.localAddr;
    this.remoteAddr = conn.remoteAddr;
  }

  read(buffer: Uint8Array): Promise<number | null> {
    return this.#conn.read(buffer);
  }

  write(data: Uint8Array): Promise<number> {
    return this.#conn.write(data);
  }

  closeWrite(): Promise<void> {
    return this.#conn.closeWrite();
  }

  close(): void {
    this.#conn.close();
  }

  get readable(): ReadableStream<Uint8Array> {
    return this.#readable ??= new ReadableStream({
      type: "bytes",
      autoAllocateChunkSize: 65_536,
      pull: async (controller) => {
        const request = controller.byobRequest!;
        const view = request.view as Uint8Array;
        const scratch = new Uint8Array(view.byteLength);
        const size = await this.#conn.read(scratch);
        if (size === null) {
          controller.close();
          return request.respond(0);
        }
        new Uint8Array(view.buffer, view.byteOffset).set(scratch.subarray(0, size));
        request.respond(size);
      },
      cancel: () => this.#closeQuietly(),
    });
  }

  get writable(): WritableStream<Uint8Array> {
    return this.#writable ??= new WritableStream({
      write: async (chunk) => {
        for (let at = 0; at < chunk.length;) at += await this.#conn.write(chunk.subarray(at));
      },
      close: () => this.#conn.closeWrite(),
      abort: () => this.#closeQuietly(),
    });
  }

  ref(): void {}

  unref(): void {}

  setNoDelay(): void {}

  setKeepAlive(): void {}

  [Symbol.dispose](): void {
    this.#closeQuietly();
  }

  #closeQuietly(): void {
    try {
      this.#conn.close();
    } catch {
      // It is closed already.
    }
  }
}

/** A listener as Deno has it. */
class DenoListener {
  readonly addr: SocketAddress;
  readonly #listener: NetworkListener<Conn>;

  constructor(listener: NetworkListener<Conn>) {
    this.#listener = listener;
    this.addr = listener.addr;
  }

  async accept(): Promise<DenoConn> {
    return new DenoConn(await this.#listener.accept());
  }

  close(): void {
    this.#listener.close();
  }

  ref(): void {}

  unref(): void {}

  [Symbol.dispose](): void {
    try {
      this.close();
    } catch {
      // It is closed already.
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<DenoConn> {
    for (;;) {
      try {
        yield await this.accept();
      } catch (error) {
        // It was closed.
        if ((error as Error).name === "BadResource" || (error as Error).name === "Interrupted") return;
        throw error;
      }
    }
  }
}
