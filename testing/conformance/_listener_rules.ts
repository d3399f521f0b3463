/** The rules of a listener. */

import { BusyResourceError, ClosedResourceError, isCancelled, moveOnAfter } from "../../core/mod.ts";
import type { Listener, Stream } from "../../net/mod.ts";
import { pattern } from "./_byte_pattern.ts";
import { type Attempt, type Rule, textOf, type Trial } from "./_rules.ts";
import { requireEnd, requireNext } from "./_one_way_rules.ts";

/** A listener, and how to connect to it. */
export interface ListenerSubject {
  readonly listener: Listener<Stream>;
  connect(): Promise<Stream>;
}

/** How often a rule about a race is tried, with the cancellation at a different moment. */
const ROUNDS = 10;

/** See the header. */
export const LISTENER_RULES: readonly Rule<ListenerSubject>[] = [
  {
    name: "accept() gives the stream of a client that connects then",
    async check(bench: Trial, { listener, connect }) {
      await bench.tasks(async (start) => {
        const accepting = start(() => listener.accept());
        await bench.settle();
        const client = await connected(bench, connect);
        await requireConnected(bench, await accepted(bench, accepting), client);
      });
    },
  },
  {
    name: "a client that connects before accept() is not lost",
    async check(bench: Trial, { listener, connect }) {
      await bench.tasks(async (start) => {
        const connecting = start(() => connected(bench, connect));
        await bench.settle();
        const server = await accepted(bench, start(() => listener.accept()));
        await requireConnected(bench, server, await connecting.value());
      });
    },
  },
  {
    name: "every client is accepted once",
    async check(bench: Trial, { listener, connect }) {
      await bench.tasks(async (start) => {
        const connecting = [1, 2, 3].map((id) =>
          start(async () => {
            const client = await connected(bench, connect);
            await client.sendAll(new Uint8Array([id]));
          })
        );
        const ids: number[] = [];
        for (let i = 0; i < 3; i++) {
          const server = await accepted(bench, start(() => listener.accept()));
          ids.push((await server.receiveSome(1))?.[0] ?? 0);
        }
        for (const attempt of connecting) await attempt.value();
        bench.require(ids.sort().join() === "1,2,3", `of the clients 1,2,3 it accepted ${ids}`);
      });
    },
  },
  {
    name: "two accepts at once are BusyResourceError, and the first one goes on",
    async check(bench: Trial, { listener, connect }) {
      await bench.tasks(async (start) => {
        const first = start(() => listener.accept());
        await bench.settle();
        await bench.failsWith("a second accept()", start(() => listener.accept()), BusyResourceError);
        const client = await connected(bench, connect);
        await requireConnected(bench, await accepted(bench, first), client);
      });
    },
  },
  {
    name: "close() wakes a blocked accept with ClosedResourceError",
    async check(bench: Trial, { listener }) {
      await bench.tasks(async (start) => {
        const accepting = start(() => listener.accept());
        await bench.settle();
        listener.close();
        await bench.failsWith("accept()", accepting, ClosedResourceError);
      });
    },
  },
  {
    name: "accept() on a closed listener is ClosedResourceError",
    async check(bench: Trial, { listener }) {
      listener.close();
      await requireClosed(bench, listener);
    },
  },
  {
    name: "closing again is harmless, also from three tasks at once and by dispose",
    async check(bench: Trial, { listener }) {
      const closeAgain = async (): Promise<void> => {
        listener.close();
        listener[Symbol.dispose]();
        await listener[Symbol.asyncDispose]();
      };
      await bench.tasks(async (start) => {
        for (const attempt of [closeAgain, closeAgain, closeAgain].map((close) => start(close))) {
          const outcome = await attempt.end();
          if ("error" in outcome) bench.fail(`closing it again threw ${textOf(outcome.error)}`);
        }
      });
      await requireClosed(bench, listener);
    },
  },
  {
    name: "dispose closes",
    async check(bench: Trial, { listener }) {
      listener[Symbol.dispose]();
      await requireClosed(bench, listener);
    },
  },
  {
    name: "async dispose closes, also in a cancelled scope",
    async check(bench: Trial, { listener }) {
      await moveOnAfter(Infinity, async (scope) => {
        scope.cancel();
        try {
          await listener[Symbol.asyncDispose]();
        } catch (error) {
          if (isCancelled(error)) bench.fail("it threw Cancelled, which would wrap the error that leaves the block");
          throw error;
        }
      });
      await requireClosed(bench, listener);
    },
  },
  {
    name: "streams that were accepted stay open when the listener is closed",
    async check(bench: Trial, { listener, connect }) {
      await bench.tasks(async (start) => {
        const accepting = start(() => listener.accept());
        const client = await connected(bench, connect);
        const server = await accepted(bench, accepting);
        listener.close();
        await requireConnected(bench, server, client);
      });
    },
  },
  {
    name: "a cancelled accept loses no connection",
    async check(bench: Trial, { listener, connect }) {
      const outcome = await moveOnAfter(Infinity, async (scope) => {
        const accepting = listener.accept();
        accepting.catch(() => {});
        await bench.settle();
        scope.cancel();
        return await accepting;
      });
      bench.require(outcome.cancelledCaught, "it returned a stream, though nobody had connected");
      await bench.tasks(async (start) => {
        const connecting = start(() => connected(bench, connect));
        await bench.settle();
        const server = await accepted(bench, start(() => listener.accept()));
        await requireConnected(bench, server, await connecting.value());
      });
    },
  },
  {
    name: "an accept that is cancelled as a client connects returns its stream or leaves it",
    async check(bench: Trial, { listener, connect }) {
      for (let round = 0; round < ROUNDS; round++) {
        await bench.tasks(async (start) => {
          let connecting = null as Attempt<Stream> | null;
          const outcome = await moveOnAfter(Infinity, async (scope) => {
            const accepting = listener.accept();
            accepting.catch(() => {});
            connecting = start(() => connected(bench, connect));
            for (let i = round; i > 0; i--) await null;
            scope.cancel();
            return await accepting;
          });
          if (!outcome.cancelledCaught) bench.closeLater(outcome.value);
          const server = outcome.cancelledCaught
            ? await accepted(bench, start(() => listener.accept()))
            : outcome.value;
          const client = await (connecting as unknown as Attempt<Stream>).value();
          await requireConnected(bench, server, client);
        });
      }
    },
  },
  {
    name: "accept() in a cancelled scope refuses before any effect",
    async check(bench: Trial, { listener, connect }) {
      await bench.tasks(async (start) => {
        const connecting = start(() => connected(bench, connect));
        await bench.settle();
        await bench.refuses("accept() of a client that is there", () => listener.accept());
        const server = await accepted(bench, start(() => listener.accept()));
        await requireConnected(bench, server, await connecting.value());
      });
    },
  },
];

async function connected(bench: Trial, connect: () => Promise<Stream>): Promise<Stream> {
  const stream = await connect();
  bench.closeLater(stream);
  return stream;
}

/** What an attempt to accept gives; it must not take for ever. */
async function accepted(bench: Trial, accepting: Attempt<Stream>): Promise<Stream> {
  const stream = await bench.ends("it did not: accept() is still blocked", accepting);
  bench.closeLater(stream);
  return stream;
}

/** Requires that two streams are the ends of one connection, and closes them. */
async function requireConnected(bench: Trial, server: Stream, client: Stream): Promise<void> {
  await bench.tasks(async (start) => {
    const sending = start(async () => {
      await client.sendAll(pattern(10));
      await requireNext(bench, client, { size: 10 });
      client.close();
    });
    await requireNext(bench, server, { size: 10 });
    await server.sendAll(pattern(10));
    await requireEnd(bench, server);
    await sending.value();
    server.close();
  });
}

async function requireClosed(bench: Trial, listener: Listener<Stream>): Promise<void> {
  await bench.rejects("accept() after it", () => listener.accept(), ClosedResourceError);
}
