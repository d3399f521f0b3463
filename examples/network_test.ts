import { assert, assertEquals, assertInstanceOf, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import {
  BrokenResourceError,
  BufferedStream,
  CancelScope,
  Event,
  type Nursery,
  openNursery,
  openTcpListeners,
  openTcpStream,
  simulated,
  sleep,
  type SocketStream,
  type TaskStatus,
  type TcpAddress,
} from "@trefoil/io";
import type { Network, NetworkConn } from "@trefoil/io/lowlevel";
import { chatServer } from "./chat_server.ts";
import { echoServer } from "./echo_server.ts";
import { hasProgram } from "./_has_program.ts";
import { scanPorts, type ScanResult } from "./port_scanner.ts";
import { tcpProxy } from "./tcp_proxy.ts";
import { tlsEchoClient } from "./tls_echo_client.ts";
import { tlsEchoServer } from "./tls_echo_server.ts";

const HERE = { hostname: "127.0.0.1", port: 0 };
const encode = (text: string) => new TextEncoder().encode(text);

/** Starts a server in a nursery; returns its port. */
async function start(
  nursery: Nursery,
  server: (status: TaskStatus<readonly [TcpAddress, ...TcpAddress[]]>) => unknown,
): Promise<number> {
  const [address] = await nursery.start(server);
  return address.port;
}

/** A client that reads lines. */
async function openLines(port: number): Promise<BufferedStream<SocketStream>> {
  return new BufferedStream(await openTcpStream("127.0.0.1", port));
}

async function logIn(port: number, name: string): Promise<BufferedStream<SocketStream>> {
  const stream = await openLines(port);
  assertEquals(await stream.receiveLine(), "What is your name?");
  await stream.sendAll(encode(`${name}\n`));
  assertStringIncludes((await stream.receiveLine())!, `Welcome, ${name}.`);
  return stream;
}

/** A program of this folder, run by a Deno of its own. */
class Program implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #output: ReadableStream<string>;

  constructor(name: string, ...args: readonly string[]) {
    const path = new URL(name, import.meta.url).pathname;
    const permissions = ["--allow-net=127.0.0.1,0.0.0.0,[::]", "--allow-read"];
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-lock", "--quiet", ...permissions, path, ...args],
      stdin: "null",
      stdout: "piped",
      stderr: "inherit",
      env: { NO_COLOR: "1" },
    }).spawn();
    this.#output = this.#child.stdout.pipeThrough(new TextDecoderStream());
    this.#lines = linesOf(this.#output);
  }

  /** The next line it prints; `null` when it has ended. */
  async prints(): Promise<string | null> {
    const { done, value } = await this.#lines.next();
    return done ? null : value;
  }

  /** The port that its first line names. */
  async port(): Promise<number> {
    const line = await this.prints();
    const [, port] = /port (\d+)/.exec(line ?? "") ?? [];
    assert(port !== undefined, `it printed ${line}`);
    return Number(port);
  }

  interrupt(): void {
    this.#child.kill("SIGINT");
  }

  async code(): Promise<number> {
    return (await this.#child.status).code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
    while (await this.prints() !== null);
    await this.#child.status;
  }
}

async function* linesOf(output: ReadableStream<string>): AsyncGenerator<string> {
  let text = "";
  for await (const chunk of output) {
    const lines = (text + chunk).split("\n");
    text = lines.pop()!;
    yield* lines;
  }
  if (text !== "") yield text;
}

Deno.test("chat_server.ts says goodbye to everybody when it shuts down, and returns", async () => {
  await openNursery(async (nursery) => {
    const scope = new CancelScope();
    const port = await start(nursery, (status) => scope.run(() => chatServer(HERE)(status)));
    using ann = await logIn(port, "ann");
    using bob = await logIn(port, "bob");
    using newcomer = await openLines(port);
    assertEquals(await newcomer.receiveLine(), "What is your name?");
    assertEquals(await ann.receiveLine(), "* bob has joined");
    await ann.sendAll(encode("one more thing\n"));
    assertEquals(await bob.receiveLine(), "<ann> one more thing");
    scope.shutdown({ grace: 60_000 });
    for (const stream of [ann, bob, newcomer]) {
      assertEquals(await stream.receiveLine(), "* the server is closing, goodbye");
      assertEquals(await stream.receiveLine(), null);
    }
    await assertRejects(() => openTcpStream("127.0.0.1", port), BrokenResourceError);
  });
});

Deno.test("chat_server.ts does not let one who does not read hold up the goodbye of the others", async () => {
  await openNursery(async (nursery) => {
    const scope = new CancelScope();
    const ended = new Event();
    const port = await start(
      nursery,
      (status) => scope.run(() => chatServer(HERE)(status)).finally(() => ended.set()),
    );
    using ann = await logIn(port, "ann");
    using _nora = await logIn(port, "nora");
    // More than the sockets between the two hold, and fewer lines than nora's outbox does.
    const line = encode(`${"y".repeat(4_000)}\n`.repeat(10));
    for (let n = 0; n < 100; n++) await ann.sendAll(line);
    await ann.sendAll(encode("\n"));
    scope.shutdown();
    for await (const line of ann.lines()) if (line.includes("goodbye")) break;
    // A second Ctrl-C.
    scope.shutdown({ grace: 0 });
    await ended.wait();
  });
});

Deno.test("chat_server.ts as a program: Ctrl-C says goodbye, and ends it well", async () => {
  await using program = new Program("chat_server.ts", "0");
  using ann = await logIn(await program.port(), "ann");
  program.interrupt();
  assertEquals(await ann.receiveLine(), "* the server is closing, goodbye");
  assertEquals(await ann.receiveLine(), null);
  assertEquals(await program.code(), 0);
});

Deno.test("tcp_proxy.ts passes bytes and ends of directions on, both ways, and counts them", async () => {
  await openNursery(async (nursery) => {
    const lines: string[] = [];
    const target = await start(nursery, echoServer(HERE));
    const proxied = await start(
      nursery,
      tcpProxy({ hostname: "127.0.0.1", port: target, report: (line) => lines.push(line) }, HERE),
    );
    using client = await openTcpStream("127.0.0.1", proxied);
    const data = crypto.getRandomValues(new Uint8Array(65_536));
    nursery.startSoon(async () => {
      for (let n = 0; n < 16; n++) await client.sendAll(data);
      await client.sendEof();
    });
    let at = 0;
    for await (const chunk of client) {
      for (let i = 0; i < chunk.length; i += 101) assertEquals(chunk[i], data[(at + i) % data.length]);
      at += chunk.length;
    }
    assertEquals(at, 16 * data.length);
    while (lines.length === 0) await sleep(0);
    assertEquals(lines, [`port ${client.localAddress.port}: ${at} bytes there, ${at} bytes back`]);
    nursery.cancel();
  });
});

Deno.test("tcp_proxy.ts goes on when its target is down, and when a client resets its connection", async () => {
  await openNursery(async (nursery) => {
    const errors: unknown[] = [];
    const [listener] = await openTcpListeners(0, { hostname: "127.0.0.1" });
    const { port } = listener.address;
    listener.close();
    const proxied = await start(
      nursery,
      tcpProxy({ hostname: "127.0.0.1", port, report: () => {} }, {
        ...HERE,
        onHandlerError: (error) => void errors.push(error),
      }),
    );
    for (let n = 1; n <= 3; n++) {
      using client = await openTcpStream("127.0.0.1", proxied);
      assertEquals(await client.receiveSome(), null);
      assertEquals(errors.length, n);
      assertInstanceOf(errors.at(-1), BrokenResourceError);
    }
    nursery.cancel();
  });
});

Deno.test("tcp_proxy.ts as a program: stands before a server", async () => {
  await openNursery(async (nursery) => {
    const target = await start(nursery, echoServer(HERE));
    await using program = new Program("tcp_proxy.ts", "0", "127.0.0.1", `${target}`);
    using client = await openLines(await program.port());
    await client.sendAll(encode("hello\n"));
    await client.sendEof();
    assertEquals([await client.receiveLine(), await client.receiveLine()], ["hello", null]);
    assertMatch((await program.prints())!, /^port \d+: 6 bytes there, 6 bytes back$/);
    program.interrupt();
    assertEquals(await program.code(), 130);
    nursery.cancel();
  });
});

const openssl = await hasProgram("openssl", "openssl");

/** A test with a certificate, made by the command that stands in the example. */
function tlsTest(name: string, test: (files: { certFile: string; keyFile: string }) => Promise<void>): void {
  Deno.test({
    name,
    ignore: !openssl,
    fn: async () => {
      const dir = await Deno.makeTempDir({ prefix: "trefoil_tls_" });
      try {
        const text = await Deno.readTextFile(new URL("tls_echo_server.ts", import.meta.url));
        const [, command] = /openssl (req [^]*?)\n \* Run it/.exec(text)!;
        const args = command!.replaceAll(/\\\n \*/g, "").split(/\s+/);
        const { success } = await new Deno.Command("openssl", { args, cwd: dir, stderr: "null" }).output();
        assert(success, `openssl ${args.join(" ")} failed`);
        await test({ certFile: `${dir}/cert.pem`, keyFile: `${dir}/key.pem` });
      } finally {
        await Deno.remove(dir, { recursive: true });
      }
    },
  });
}

tlsTest("tls_echo_server.ts and tls_echo_client.ts talk to each other; who is not trusted is not talked to", async (
  files,
) => {
  const caCerts = [await Deno.readTextFile(files.certFile)];
  const errors: unknown[] = [];
  await openNursery(async (nursery) => {
    const port = await start(
      nursery,
      tlsEchoServer({ ...HERE, ...files, onHandshakeError: (error) => void errors.push(error) }),
    );
    const where = { hostname: "127.0.0.1", port };
    assertEquals(await tlsEchoClient(["hello", "snow ☃"], { ...where, caCerts }), "hello\nsnow ☃\n");
    await assertRejects(() => tlsEchoClient(["hello"], where), BrokenResourceError, "caCerts");
    await assertRejects(() => tlsEchoClient([], { ...where, caCerts, serverName: "example.com" }), BrokenResourceError);
    using plain = await openTcpStream("127.0.0.1", port);
    await plain.sendAll(encode("GET / HTTP/1.1\r\n\r\n"));
    while (await plain.receiveSome().catch(() => null) !== null);
    assertEquals(await tlsEchoClient(["after it"], { ...where, caCerts }), "after it\n");
    nursery.cancel();
  });
  assert(errors.length >= 1 && errors.every((error) => error instanceof BrokenResourceError), String(errors));
});

tlsTest("tls_echo_server.ts and tls_echo_client.ts as programs, with the files they are given", async (files) => {
  await using server = new Program("tls_echo_server.ts", files.certFile, files.keyFile, "0");
  const port = await server.port();
  await using client = new Program("tls_echo_client.ts", files.certFile, `${port}`, "127.0.0.1");
  assertEquals([await client.prints(), await client.prints(), await client.code()], ["hello", "goodbye", 0]);
  server.interrupt();
  assertEquals(await server.code(), 130);
});

/** A network on which some ports are open, some silent, and all others closed. */
class Ports implements Pick<Network, "connect"> {
  connecting = 0;
  closed = 0;

  constructor(readonly open: ReadonlySet<number>, readonly silent: ReadonlySet<number>) {}

  async connect({ port, signal }: { readonly port: number; readonly signal?: AbortSignal }): Promise<NetworkConn> {
    this.connecting++;
    try {
      await Promise.resolve();
      if (this.silent.has(port)) {
        await new Promise((_, reject) => signal!.addEventListener("abort", () => reject(new Error("aborted"))));
      }
      if (!this.open.has(port)) throw new Error("Connection refused");
      const address = (port: number): TcpAddress => ({ transport: "tcp", hostname: "127.0.0.1", port });
      return {
        localAddr: address(port === 999 ? 999 : 50_000),
        remoteAddr: address(port),
        read: () => new Promise(() => {}),
        write: (data) => Promise.resolve(data.length),
        closeWrite: () => Promise.resolve(),
        close: () => void this.closed++,
      };
    } finally {
      this.connecting--;
    }
  }
}

const ports = new Ports(new Set([22, 80, 999, 1_000]), new Set([25, 30, 35, 500]));
Deno.test(
  "port_scanner.ts tells open, closed and silent ports apart, so many at a time, and how far it is",
  simulated(async (sim) => {
    const progress: ScanResult[] = [];
    const all = Array.from({ length: 1_000 }, (_, n) => n + 1);
    const result = await scanPorts(all, {
      concurrency: 3,
      timeout: 700,
      onProgress: (state) => progress.push(state),
    });
    // Port 999 was connected to by itself.
    assertEquals(result, { tried: 1_000, open: [22, 80, 1_000], silent: [25, 30, 35, 500] });
    // Three silent ones held everything up at the same time; then one did, beside the others.
    assertEquals(sim.now, 1_400);
    assertEquals(progress, [
      { tried: 32, open: [22], silent: [] },
      { tried: 999, open: [22, 80, 1_000], silent: [25, 30, 35] },
    ]);
    await sleep(1);
    assertEquals([ports.closed, ports.connecting], [4, 0]);
  }, { network: ports as unknown as Network, io: { quiet: 5 } }),
);

Deno.test("port_scanner.ts finds an open port of this machine, and leaves no connection behind", async () => {
  const [listener] = await openTcpListeners(0, { hostname: "127.0.0.1" });
  const { port } = listener.address;
  try {
    const { tried, open } = await scanPorts(Array.from({ length: 200 }, (_, n) => Math.max(port - 100, 1) + n));
    assertEquals(tried, 200);
    assert(open.includes(port));
    await using program = new Program("port_scanner.ts", `${port}`, `${port}`);
    assertEquals(await program.prints(), `open: ${port}`);
    assertEquals(await program.code(), 0);
  } finally {
    listener.close();
  }
});
