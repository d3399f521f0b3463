// deno-lint-ignore-file no-console -- warnings are caught
import { assertEquals, assertInstanceOf, assertMatch } from "@std/assert";
import { BusyResourceError, checkpoint, ClosedResourceError, openMemoryChannel } from "../../core/mod.ts";
import { checkpointIfCancelled } from "../../core/lowlevel.ts";
import type { Listener, Stream } from "../../net/mod.ts";
import { type CheckedListener, checkListener, memoryStreamPair, RuleError } from "../mod.ts";

/** A listener in memory, whose clients wait in a channel. */
class MemoryListener implements Listener<Stream> {
  readonly #clients = openMemoryChannel<Stream>(Infinity);
  #accepting = false;
  #closed = false;

  async accept(): Promise<Stream> {
    await checkpointIfCancelled();
    if (this.#accepting) throw new BusyResourceError("busy");
    this.#accepting = true;
    try {
      return await this.#clients[1].receive();
    } catch (error) {
      throw this.#closed ? new ClosedResourceError("closed") : error;
    } finally {
      this.#accepting = false;
    }
  }
  async connect(): Promise<Stream> {
    const [client, server] = memoryStreamPair();
    await this.#clients[0].send(server);
    return client;
  }
  close(): void {
    this.#closed = true;
    this.#clients[1].close();
  }
  [Symbol.dispose](): void {
    this.close();
  }
  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }
}

function make(Class: typeof MemoryListener): CheckedListener<Stream> {
  const listener = new Class();
  return { listener, connect: () => listener.connect() };
}

Deno.test("a listener in memory keeps the rules of a listener", (t) => checkListener(t, () => make(MemoryListener)));

const FAULTS: Readonly<
  Record<string, { fault: typeof MemoryListener; rule: string; says: string; others?: number }>
> = {
  "a checkpoint between taking a client and returning it": {
    rule: "an accept that is cancelled as a client connects returns its stream or leaves it",
    says: "it did not: accept() is still blocked",
    fault: class extends MemoryListener {
      override async accept() {
        const stream = await super.accept();
        await checkpoint();
        return stream;
      }
    },
  },
  "close() that does nothing": {
    rule: "close() wakes a blocked accept with ClosedResourceError",
    says: "it did not: accept() is still blocked",
    others: 4,
    fault: class extends MemoryListener {
      override close() {}
    },
  },
  "close() that throws the second time": {
    rule: "closing again is harmless, also from three tasks at once and by dispose",
    says: "closing it again threw Error: closed already",
    fault: class extends MemoryListener {
      #closed = false;
      override close() {
        if (this.#closed) throw new Error("closed already");
        this.#closed = true;
        super.close();
      }
    },
  },
  "async dispose that is a checkpoint first": {
    rule: "async dispose closes, also in a cancelled scope",
    says: "it threw Cancelled, which would wrap the error that leaves the block",
    fault: class extends MemoryListener {
      override async [Symbol.asyncDispose]() {
        await checkpoint();
        this.close();
      }
    },
  },
  "async dispose that rejects": {
    rule: "async dispose closes, also in a cancelled scope",
    says: "Error: no",
    others: 1,
    fault: class extends MemoryListener {
      override [Symbol.asyncDispose]() {
        return Promise.reject(new Error("no"));
      }
    },
  },
  "streams that are closed with the listener": {
    rule: "streams that were accepted stay open when the listener is closed",
    says: 'ClosedResourceError ("Cannot receive as the stream is closed")',
    fault: class extends MemoryListener {
      readonly #accepted: Stream[] = [];
      override async accept() {
        const stream = await super.accept();
        this.#accepted.push(stream);
        return stream;
      }
      override close() {
        super.close();
        for (const stream of this.#accepted) stream.close();
      }
    },
  },
};

for (const [what, { fault, rule, says, others = 0 }] of Object.entries(FAULTS)) {
  Deno.test(`checkListener() finds: ${what}`, async () => {
    const broken: RuleError[] = [];
    const warnings: string[] = [];
    const { warn } = console;
    console.warn = (line: string) => warnings.push(line);
    try {
      await checkListener({
        async step(_name, fn) {
          try {
            await fn();
          } catch (error) {
            assertInstanceOf(error, RuleError);
            broken.push(error);
          }
        },
      }, () => make(fault));
    } finally {
      console.warn = warn;
    }
    // What a broken listener has lost is still open in the end.
    for (const line of warnings) assertMatch(line, /left 1 thing behind .*\n {2}not closed: memory stream/);
    const finding = broken.find((error) => error.rule === rule)?.finding.split("\n")[0];
    assertEquals([finding, broken.length], [says, 1 + others], broken.map(String).join("\n"));
  });
}
