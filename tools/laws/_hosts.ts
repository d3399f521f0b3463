/** Hosts for the laws: one that always answers at once, without a turn of the event loop, and one that never does. */

import type { HalfCloseableStream, ReceiveStream, SocketAddress, TcpAddress } from "../../mod.ts";
import type {
  Network,
  NetworkConn,
  NetworkDatagramSocket,
  NetworkListener,
  NetworkTlsHandshake,
} from "../../core/lowlevel.ts";

export const ADDRESS: TcpAddress = { transport: "tcp", hostname: "127.0.0.1", port: 1 };

/** A connection on which there is always something to read, and room to write; or never. */
export class Conn<A extends SocketAddress = TcpAddress> implements NetworkConn<A> {
  readonly localAddr: A = ADDRESS as A;
  readonly remoteAddr: A = ADDRESS as A;
  readonly #ready: boolean;
  #pending: PromiseWithResolvers<never>[] = [];

  /** How many bytes a write takes at most. */
  readonly #room: number;

  constructor(ready: boolean, room = Infinity) {
    this.#ready = ready;
    this.#room = room;
  }

  read(buffer: Uint8Array): Promise<number | null> {
    return this.#answer(() => {
      buffer[0] = 10;
      return 1;
    });
  }

  write(data: Uint8Array): Promise<number> {
    return this.#answer(() => Math.min(data.length, this.#room));
  }

  closeWrite(): Promise<void> {
    return this.#answer(() => {});
  }

  handshake(): Promise<NetworkTlsHandshake> {
    return this.#answer(() => ({ alpnProtocol: null }));
  }

  /** As the host's: what is pending fails. */
  close(): void {
    for (const { reject } of this.#pending) reject(new Deno.errors.BadResource("closed"));
    this.#pending = [];
  }

  #answer<T>(value: () => T): Promise<T> {
    if (this.#ready) return Promise.resolve(value());
    const pending = Promise.withResolvers<never>();
    this.#pending.push(pending);
    return pending.promise;
  }
}

/** A listener to which somebody always connects, or nobody ever. */
class Listener<C> {
  readonly addr: never = ADDRESS as never;
  readonly #make: () => C;
  #accepted = 0;
  readonly #ready: boolean;
  #pending: PromiseWithResolvers<never>[] = [];

  constructor(ready: boolean, make: () => C) {
    this.#ready = ready;
    this.#make = make;
  }

  accept(): Promise<C> {
    if (this.#ready && this.#accepted++ < MOST_ANSWERS) return Promise.resolve(this.#make());
    const pending = Promise.withResolvers<never>();
    this.#pending.push(pending);
    return pending.promise;
  }

  close(): void {
    for (const { reject } of this.#pending) reject(new Deno.errors.BadResource("closed"));
    this.#pending = [];
  }
}

/** A listener of a host on which connections come in all the time, or never. */
export function hostListener(ready: boolean): NetworkListener {
  return new Listener<NetworkConn>(ready, () => new Conn(ready));
}

/** A network on which everything succeeds at once; or on which nothing ever happens. */
export function network(ready: boolean): Network {
  // deno-lint-ignore no-explicit-any -- one connection serves for all kinds of addresses
  const connect = (): Promise<any> => ready ? Promise.resolve(new Conn(true)) : new Promise(() => {});
  // deno-lint-ignore no-explicit-any -- the same
  const listen = (): any => new Listener(false, () => new Conn(ready));
  return {
    connect,
    listen,
    resolve: () => Promise.resolve([{ address: "127.0.0.1", family: 4 }] as never),
    startTls: connect,
    listenTls: listen,
    connectUnix: connect,
    listenUnix: listen,
    openDatagrams: () => ready ? Promise.resolve(datagrams(true)) : new Promise(() => {}),
    removeSocketFile: () => ready ? Promise.resolve(true) : new Promise(() => {}),
  };
}

/** A socket for datagrams that is always ready, or never. */
export function datagrams(ready: boolean): NetworkDatagramSocket {
  const addr = { transport: "udp", hostname: "127.0.0.1", port: 1 } as const;
  const answer = <T>(value: T): Promise<T> => ready ? Promise.resolve(value) : new Promise(() => {});
  return {
    inMemory: true,
    addr,
    dropped: 0,
    queued: 0,
    receive: () => answer({ data: new Uint8Array(1), remoteAddress: addr }),
    send: () => answer(undefined),
    joinGroup: () => answer(undefined),
    leaveGroup: () => answer(undefined),
    close() {},
  };
}

/** A stream of the user's own that is always ready, without a turn of the event loop; or never. */
export class UserStream implements HalfCloseableStream {
  readonly #ready: boolean;
  /** How often it has answered. At last it fails, so that a loop that never lets it go ends after all. */
  #answers = 0;
  /** What it gives: lines that are empty, or something else. */
  readonly #byte: number;

  constructor(ready: boolean, byte = "\n") {
    this.#ready = ready;
    this.#byte = byte.charCodeAt(0);
  }

  sendAll(_bytes: Uint8Array): Promise<void> {
    return this.#answer(undefined);
  }

  sendEof(): Promise<void> {
    return this.#answer(undefined);
  }

  receiveSome(_max?: number): Promise<Uint8Array | null> {
    return this.#answer(new Uint8Array(8).fill(this.#byte));
  }

  receiveInto(buffer: Uint8Array): Promise<number | null> {
    buffer[0] = this.#byte;
    return this.#answer(1);
  }

  close(): void {}

  [Symbol.dispose](): void {}

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return { next: () => this.#answer({ done: false as const, value: new Uint8Array(8) }) };
  }

  #answer<T>(value: T): Promise<T> {
    if (this.#answers++ > MOST_ANSWERS) return Promise.reject(new Error("It was asked too often"));
    return this.#ready ? Promise.resolve(value) : new Promise(() => {});
  }
}

const MOST_ANSWERS = 300_000;

/** A stream of the user's that has ended. */
export class EndedStream extends UserStream implements ReceiveStream {
  constructor() {
    super(true);
  }

  override receiveSome(): Promise<null> {
    return Promise.resolve(null);
  }

  override receiveInto(): Promise<null> {
    return Promise.resolve(null);
  }
}
