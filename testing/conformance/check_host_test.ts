/** The rules about hosts that misbehave are checked themselves: what is naive about its host must break them. */

import { assertEquals, assertInstanceOf } from "@std/assert";
import { beginHostOperation, type NetworkConn, type NetworkListener } from "../../core/lowlevel.ts";
import { SocketListener, SocketStream } from "../../net/mod.ts";
import { checkHalfCloseableStream, checkListener, memoryStreamPair, RuleError, type StepContext } from "../mod.ts";

/** Runs the rules about the host alone, and keeps what the broken ones say. */
async function broken(check: (steps: StepContext) => Promise<void>): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  await check({
    async step(name, fn) {
      const [, rule] = /^(.*) \(over a host that misbehaves\)$/.exec(name) ?? [];
      if (rule === undefined) return;
      try {
        await fn();
      } catch (error) {
        assertInstanceOf(error, RuleError);
        found[rule] = error.finding.split("\n")[0]!;
      }
    },
  });
  return found;
}

const OPTIONS = { clog: 0, simulation: { leaks: "ignore" } } as const;

const STREAMS: readonly [rule: string, says: string, naive: (conn: NetworkConn) => SocketStream][] = [
  [
    "close() never throws and closes for good, whatever the close() of the host does",
    "close() over a close() that throws threw Error: It is closed already",
    (conn) =>
      new class extends SocketStream {
        override close() {
          super.close();
          conn.close();
        }
      }({ ...bound(conn), close: () => {} }),
  ],
  [
    "close() wakes blocked operations, whatever the close() of the host does",
    "close() over one that throws threw Error: It is closed already",
    (conn) =>
      new class extends SocketStream {
        override close() {
          conn.close();
          super.close();
        }
      }({ ...bound(conn), close: () => {} }),
  ],
  [
    "a read of the host that fails, at once or later, is BrokenResourceError, and stays so",
    "receiveSome() over a read that throws at once threw at once instead of returning a promise that rejects: Error: No cable",
    (conn) =>
      new class extends SocketStream {
        override receiveSome(): Promise<Uint8Array | null> {
          return conn.read(new Uint8Array(1)).then(() => null);
        }
      }(conn),
  ],
  [
    "operations that the host never ends can be cancelled",
    "receiveSome() is still blocked, though it was cancelled",
    (conn) =>
      new class extends SocketStream {
        override async receiveSome(): Promise<Uint8Array | null> {
          await conn.read(new Uint8Array(1));
          return null;
        }
      }(conn),
  ],
  [
    "no operation of the host stays in flight when it has failed, or the stream is closed",
    "after a read and a write that throws at once there are: read for ever",
    (conn) =>
      new class extends SocketStream {
        override receiveSome(max?: number) {
          if (conn.inMemory !== true) beginHostOperation("read for ever");
          return super.receiveSome(max);
        }
      }(conn),
  ],
];

for (const [rule, says, naive] of STREAMS) {
  Deno.test(`the rules about a host find a stream that breaks: ${rule}`, async () => {
    const found = await broken((t) =>
      checkHalfCloseableStream(t, () => memoryStreamPair(), { ...OPTIONS, over: naive })
    );
    assertEquals(found[rule], says, JSON.stringify(found, null, 2));
  });
}

const LISTENERS: readonly [rule: string, says: string, naive: (listener: NetworkListener) => SocketListener][] = [
  [
    "close() wakes a blocked accept, whatever the close() of the host does",
    "close() over one that throws threw Error: It is closed already",
    (listener) =>
      new class extends SocketListener {
        override close() {
          listener.close();
          super.close();
        }
      }({ addr: listener.addr, inMemory: true, accept: () => listener.accept(), close: () => {} }),
  ],
  [
    "an accept of the host that fails, at once or later, loses no later connection",
    'accept() over one that throws at once with "No cable" is still blocked, though the next connection is there',
    (listener) =>
      new class extends SocketListener {
        #broken = false;
        override async accept() {
          if (this.#broken) return await new Promise<never>(() => {});
          try {
            return await super.accept();
          } catch (error) {
            this.#broken = true;
            throw error;
          }
        }
      }(listener),
  ],
  [
    "a connection that no stream can be made of is closed, and the next one comes",
    "it was closed 0 times",
    (listener) =>
      new class extends SocketListener {
        override async accept() {
          return new SocketStream(await listener.accept());
        }
      }(listener),
  ],
];

for (const [rule, says, naive] of LISTENERS) {
  Deno.test(`the rules about a host find a listener that breaks: ${rule}`, async () => {
    const make = () => ({ listener: null as never, connect: () => null as never });
    const found = await broken((t) => checkListener(t, make, { simulation: OPTIONS.simulation, over: naive }));
    assertEquals(found[rule], says, JSON.stringify(found, null, 2));
  });
}

/** The functions of a connection, so that one can be replaced. */
function bound(conn: NetworkConn): NetworkConn {
  return {
    localAddr: conn.localAddr,
    remoteAddr: conn.remoteAddr,
    inMemory: conn.inMemory === true,
    read: (buffer) => conn.read(buffer),
    write: (data) => conn.write(data),
    closeWrite: () => conn.closeWrite(),
    close: () => conn.close(),
  };
}
