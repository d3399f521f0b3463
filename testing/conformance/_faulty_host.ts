/**
 * A host that misbehaves: connections and listeners of which each function does what a rule wants it to.
 *
 * What is not said is done well: a read waits until the connection is closed, a write takes everything.
 */

import type { TcpAddress } from "../../core/mod.ts";
import { currentRun, type NetworkConn, type NetworkListener } from "../../core/lowlevel.ts";
import { pattern } from "./_byte_pattern.ts";

/** What the functions of a connection or a listener do; each is called with what the host would be called with. */
export type Ways<K extends string> = Readonly<Partial<Record<K, (...args: never[]) => unknown>>>;

/** How an operation of the host can fail. */
export const FAILURES: Readonly<Record<string, (error: Error) => unknown>> = {
  "throws at once": (error) => {
    throw error;
  },
  "rejects": (error) => Promise.reject(error),
  "rejects later": (error) => new Promise((_, reject) => later(() => reject(error))),
  "rejects twice": (error) => ({
    then(_: unknown, fail: (error: Error) => void) {
      fail(error);
      fail(new Error("Settled twice"));
    },
  }),
  "rejects, and then succeeds": (error) => ({
    then(done: (value: number) => void, fail: (error: Error) => void) {
      fail(error);
      done(1);
    },
  }),
  "throws in then()": (error) => ({
    then() {
      throw error;
    },
  }),
};

/** How the `close()` of a host can fail. `again` closes what is made of it. */
export const CLOSINGS: Readonly<Record<string, (again: () => void) => unknown>> = {
  "does nothing": () => {},
  "throws": () => {
    throw new Error("It is closed already");
  },
  "throws no error": () => {
    // deno-lint-ignore no-throw-literal -- as anybody may
    throw undefined;
  },
  "rejects": () => Promise.reject(new Error("It is closed already")),
  "rejects later": () => new Promise((_, reject) => later(() => reject(new Error("It is closed already")))),
  "closes again": (again) => again(),
};

/** What never settles. */
export function never(): Promise<never> {
  return new Promise(() => {});
}

/** A promise in appearance that resolves twice, and then fails. */
export function twice(first: unknown, second: unknown): unknown {
  return {
    then(done: (value: unknown) => void, fail: (error: Error) => void) {
      done(first);
      done(second);
      fail(new Error("Settled already"));
    },
  };
}

/** Calls a function a moment later, on the clock of the run: it is no wait of a task, as the host's is none. */
export function later(fn: () => void): void {
  const { clock } = currentRun();
  clock.at(clock.now() + 1, fn, undefined);
}

/** An error as the host has them: `BadResource` of what is closed, `Interrupted` of what is closed meanwhile. */
export function closedElsewhere(name: "BadResource" | "Interrupted"): Error {
  return Object.assign(new Error(`The host says ${name}`), { name });
}

/** An error of the system. */
export function ofSystem(code: string): Error {
  return Object.assign(new Error(`The system says ${code}`), { code });
}

const address = (port: number): TcpAddress => ({ transport: "tcp", hostname: "192.0.2.1", port });

/** See the header. */
export class FaultyConn implements NetworkConn {
  readonly inMemory: boolean;
  readonly localAddr: TcpAddress = address(1);
  readonly remoteAddr: TcpAddress = address(2);
  /** How often it was closed. */
  closed = 0;
  /** How many bytes were written. */
  written = 0;
  readonly #ways: Ways<"read" | "write" | "closeWrite" | "close">;
  readonly #reads: ((error: Error) => void)[] = [];

  /** One that is not in memory is accounted for as the host's, and time does not move while it is in flight. */
  constructor(ways: Ways<"read" | "write" | "closeWrite" | "close"> = {}, { inMemory = true } = {}) {
    this.#ways = ways;
    this.inMemory = inMemory;
  }

  read(buffer: Uint8Array): Promise<number | null> {
    const { read } = this.#ways;
    if (read !== undefined) return read(buffer as never) as Promise<number>;
    return new Promise((_, reject) => this.#reads.push(reject));
  }

  write(data: Uint8Array): Promise<number> {
    this.written += data.length;
    return this.#ways.write === undefined
      ? Promise.resolve(data.length)
      : this.#ways.write(data as never) as Promise<number>;
  }

  closeWrite(): Promise<void> {
    return this.#ways.closeWrite === undefined ? Promise.resolve() : this.#ways.closeWrite() as Promise<void>;
  }

  close(): void {
    this.closed++;
    if (this.#ways.close !== undefined) return this.#ways.close() as undefined;
    for (const reject of this.#reads.splice(0)) reject(closedElsewhere("Interrupted"));
  }
}

/** See the header. */
export class FaultyListener implements NetworkListener {
  readonly inMemory: boolean;
  readonly addr: TcpAddress = address(1);
  closed = 0;
  readonly #ways: Ways<"accept" | "close">;
  readonly #accepts: ((error: Error) => void)[] = [];

  constructor(ways: Ways<"accept" | "close"> = {}, { inMemory = true } = {}) {
    this.#ways = ways;
    this.inMemory = inMemory;
  }

  accept(): Promise<NetworkConn> {
    if (this.#ways.accept !== undefined) return this.#ways.accept() as Promise<NetworkConn>;
    return new Promise((_, reject) => this.#accepts.push(reject));
  }

  close(): void {
    this.closed++;
    if (this.#ways.close !== undefined) return this.#ways.close() as undefined;
    for (const reject of this.#accepts.splice(0)) reject(closedElsewhere("BadResource"));
  }
}

/** A read that brings this many bytes of the pattern. */
export function filled(buffer: Uint8Array, size: number): number {
  buffer.set(pattern(size));
  return size;
}
