/** A network for tests: connections that do what a script says, and remember what was closed. */

import { currentRun } from "../../core/lowlevel.ts";
import type { TcpAddress } from "../../core/mod.ts";
import type {
  Network,
  NetworkConn,
  NetworkConnectOptions,
  NetworkListener,
  ResolvedAddress,
} from "../../core/lowlevel.ts";

const address = (hostname: string, port = 1): TcpAddress => ({ transport: "tcp", hostname, port });

/** A connection whose host operations are settled by the test. */
export class ScriptedConn implements NetworkConn {
  readonly localAddr = address("10.0.0.1");
  readonly remoteAddr: TcpAddress;
  closed = 0;
  halfClosed = 0;
  readonly written: number[] = [];
  /** Reads in flight. */
  readonly reads: { buffer: Uint8Array; settle: (size: number | null) => void; fail: (error: unknown) => void }[] = [];
  /** Writes in flight. */
  readonly writes: { data: Uint8Array; take: (size?: number) => void; fail: (error: unknown) => void }[] = [];

  constructor(hostname = "10.0.0.2") {
    this.remoteAddr = address(hostname);
  }

  read(buffer: Uint8Array): Promise<number | null> {
    return new Promise((settle, fail) => this.reads.push({ buffer, settle, fail }));
  }

  /** Answers the oldest read. */
  async land(...bytes: number[]): Promise<void> {
    const { buffer, settle } = this.reads.shift()!;
    buffer.set(bytes);
    settle(bytes.length === 0 ? null : bytes.length);
    await new Promise((resolve) => setImmediate(resolve));
  }

  write(data: Uint8Array): Promise<number> {
    return new Promise((resolve, fail) =>
      this.writes.push({
        data,
        fail,
        take: (size = data.length) => {
          this.written.push(...data.subarray(0, size));
          resolve(size);
        },
      })
    );
  }

  closeWrite(): Promise<void> {
    this.halfClosed++;
    return Promise.resolve();
  }

  close(): void {
    this.closed++;
    for (const { fail } of [...this.reads.splice(0), ...this.writes.splice(0)]) fail(new Error("Closed by this end"));
  }
}

/** What becomes of an attempt to connect: after so many milliseconds of virtual time, success or an error. */
export interface Attempt {
  readonly after: number;
  readonly error?: string;
}

/** Connects as the script says. Attempts take virtual time, and do not mind being given up. */
export class ScriptedNetwork implements Network {
  readonly log: string[] = [];
  readonly conns: ScriptedConn[] = [];

  constructor(readonly addresses: readonly ResolvedAddress[], readonly attempts: Readonly<Record<string, Attempt>>) {}

  resolve(hostname: string): Promise<readonly ResolvedAddress[]> {
    this.#note(`resolve ${hostname}`);
    return Promise.resolve(this.addresses);
  }

  async connect({ hostname }: NetworkConnectOptions): Promise<NetworkConn> {
    this.#note(`connect ${hostname}`);
    const { after, error } = this.attempts[hostname]!;
    const { clock } = currentRun();
    // No wait of the library: like a host's, it goes on when nobody wants it any more.
    if (after > 0) await new Promise<void>((resolve) => clock.at(clock.now() + after, resolve, undefined));
    if (error !== undefined) throw new Error(error);
    const conn = new ScriptedConn(hostname);
    this.conns.push(conn);
    return conn;
  }

  listen(): NetworkListener {
    throw new Error("Cannot listen as this network has no script for it");
  }

  #note(text: string): void {
    this.log.push(`${currentRun().clock.now()} ${text}`);
  }
}
