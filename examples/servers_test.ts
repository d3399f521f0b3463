import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import {
  failAfter,
  type Nursery,
  openNursery,
  openTcpStream,
  type Server,
  type ServeTcpOptions,
  type SocketStream,
  type TcpAddress,
} from "@trefoil/io";
import { chatServer } from "./chat_server.ts";
import { echoClient } from "./echo_client.ts";
import { echoServer } from "./echo_server.ts";

/** Runs a server on a free port of this machine beside a test; what it would print is dropped. */
async function withServer(
  make: (options: ServeTcpOptions) => Server<TcpAddress>,
  test: (port: number, nursery: Nursery) => Promise<void>,
): Promise<void> {
  await openNursery(async (nursery) => {
    const [address] = await nursery.start(make({ hostname: "127.0.0.1", port: 0, onHandlerError: () => {} }));
    await test(address.port, nursery);
    nursery.cancel();
  });
}

/** A client of the chat, as a person at a terminal would be one. */
class Person {
  #seen = "";

  private constructor(readonly stream: SocketStream) {}

  static async connect(port: number, name?: string): Promise<Person> {
    const person = new Person(await openTcpStream("127.0.0.1", port));
    await person.sees("What is your name?\n");
    if (name !== undefined) {
      await person.types(`${name}\n`);
      await person.sees(`Welcome, ${name}.`);
      await person.sees("\n");
    }
    return person;
  }

  types(text: string): Promise<void> {
    return this.stream.sendAll(new TextEncoder().encode(text));
  }

  /** Reads until the text has come, and forgets all up to its end. */
  async sees(text: string): Promise<void> {
    await failAfter(10_000, async () => {
      while (!this.#seen.includes(text)) {
        const chunk = await this.stream.receiveSome();
        assert(
          chunk !== null,
          `the connection ended before ${JSON.stringify(text)}; seen last: ${JSON.stringify(this.#seen.slice(-200))}`,
        );
        this.#seen += new TextDecoder().decode(chunk);
      }
    });
    this.#seen = this.#seen.slice(this.#seen.indexOf(text) + text.length);
  }

  /** Reads until the server hangs up. */
  async hangsUp(): Promise<void> {
    await failAfter(10_000, async () => {
      while (await this.stream.receiveSome().catch(() => null) !== null);
    });
  }
}

Deno.test("echo_server.ts and echo_client.ts talk to each other", () =>
  withServer(echoServer, async (port) => {
    assertEquals(await echoClient(port, ["hello", "is anybody there?"], 1), "hello\nis anybody there?\n");
  }));

Deno.test("echo_server.ts gives 4 MB back byte for byte, and serves 200 clients at once", () =>
  withServer(echoServer, async (port) => {
    const data = crypto.getRandomValues(new Uint8Array(65_536));
    using stream = await openTcpStream("127.0.0.1", port);
    await openNursery((nursery) => {
      nursery.startSoon(async () => {
        for (let i = 0; i < 64; i++) await stream.sendAll(data);
        await stream.sendEof();
      });
      nursery.startSoon(async () => {
        let at = 0;
        for await (const chunk of stream) {
          for (let i = 0; i < chunk.length; i += 101) assertEquals(chunk[i], data[(at + i) % data.length]);
          at += chunk.length;
        }
        assertEquals(at, 64 * data.length);
      });
    });
    const answers = await Promise.all(Array.from({ length: 200 }, (_, n) => echoClient(port, [`client ${n}`], 0)));
    answers.forEach((answer, n) => assertEquals(answer, `client ${n}\n`));
  }));

Deno.test("chat_server.ts: people log in, talk line by line however the bytes are split, and leave", () =>
  withServer(chatServer, async (port) => {
    const ann = await Person.connect(port, "ann");
    const bob = await Person.connect(port);
    await bob.types("ann\n");
    await bob.sees("username taken");
    await bob.types("not a name!\n");
    await bob.sees("A name has 1 to 20 letters or digits");
    await bob.types("b");
    await bob.types("ob\r\n");
    await bob.sees("Welcome, bob. Here are: ann, bob\n");
    await ann.sees("* bob has joined\n");
    const snow = new TextEncoder().encode("snow ☃ man\nsecond line\n");
    for (const byte of snow) await bob.stream.sendAll(new Uint8Array([byte]));
    await ann.sees("<bob> snow ☃ man\n<bob> second line\n");
    await ann.types("hi bob\n");
    await bob.sees("<ann> hi bob\n");
    await bob.stream.sendEof();
    await bob.hangsUp();
    await ann.sees("* bob has left\n");
    bob.stream.close();
    ann.stream.close();
  }));

Deno.test("chat_server.ts survives a client that vanishes, and one that never ends its line", () =>
  withServer(chatServer, async (port) => {
    const ann = await Person.connect(port, "ann");
    const vic = await Person.connect(port, "vic");
    await ann.sees("* vic has joined\n");
    vic.stream.close();
    await ann.sees("* vic has left\n");
    const eve = await Person.connect(port);
    await eve.types("x".repeat(10_000)).catch(() => {});
    await eve.hangsUp();
    eve.stream.close();
    const bob = await Person.connect(port, "bob");
    await ann.sees("* bob has joined\n");
    bob.stream.close();
    ann.stream.close();
  }));

Deno.test("chat_server.ts drops a client that never reads, and does not stall the others for it", () =>
  withServer(chatServer, async (port, nursery) => {
    const ann = await Person.connect(port, "ann");
    const bob = await Person.connect(port, "bob");
    await ann.sees("* bob has joined\n");
    const nora = await Person.connect(port, "nora");
    await ann.sees("* nora has joined\n");
    await bob.sees("* nora has joined\n");
    // Nora reads no more: what is said from here on fills her socket buffers, then her outbox. Bob hears every line
    // before the next is said, so that it is never he who is too slow.
    const line = `${"y".repeat(4_000)}\n`;
    const leaving = nursery.startSoon(() => ann.sees("* nora has left\n"));
    const talking = nursery.startSoon(async () => {
      while (true) {
        await ann.types(line);
        await bob.sees(line);
      }
    });
    await leaving.join();
    talking.cancel();
    for (const { stream } of [ann, bob, nora]) stream.close();
  }));

Deno.test("every example says how to run it, and stands alone", async () => {
  for await (const { name } of Deno.readDir(new URL(".", import.meta.url))) {
    if (!name.endsWith(".ts") || name.endsWith("_test.ts") || name.startsWith("_")) continue;
    const text = await Deno.readTextFile(new URL(name, import.meta.url));
    // What another example has done in its workers.
    if (name.endsWith("_worker.ts")) {
      assertStringIncludes(text, `\`${name.replace("worker", "pool")}\``);
      continue;
    }
    assertMatch(text, new RegExp(`Run it: deno run ((--allow-[\\w-]+) )*examples/${name}`));
    assertStringIncludes(text, 'from "@trefoil/io"');
    assertStringIncludes(text, "if (import.meta.main)");
    assert(!text.includes('from "../'), `${name} imports by its own path`);
  }
});
