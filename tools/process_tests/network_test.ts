/** Servers and clients against programs that others have written, and against a want of file descriptors. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Program } from "./_program.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** Whether a command is there; a test that is skipped for want of it says so. */
async function has(command: string, arg: string): Promise<boolean> {
  try {
    await new Deno.Command(command, { args: [arg], stdin: "null", stdout: "null", stderr: "null" }).output();
    return true;
  } catch {
    // deno-lint-ignore no-console -- a skipped test must be seen
    console.warn(`SKIPPED: this test needs the command "${command}": install it`);
    return false;
  }
}

async function feed(stdin: WritableStream<Uint8Array>, input: string): Promise<void> {
  const writer = stdin.getWriter();
  await writer.write(encode(input));
  await writer.close();
}

/** Runs a command with a text as its input; returns what it prints. */
async function ask(command: string, args: readonly string[], input = ""): Promise<string> {
  const child = new Deno.Command(command, {
    args: [...args],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    env: { NO_COLOR: "1" },
  }).spawn();
  // Both at once: a command that answers while it is asked stops when nobody reads its answers.
  const [{ stdout, stderr }] = await Promise.all([child.output(), feed(child.stdin, input)]);
  return decode(stdout) + decode(stderr);
}

/** Serves until Ctrl-C, and prints the port. The handler is given as text; so are further statements before. */
const server = (make: "tcpServer" | "tlsServer", handler: string, before = "") => `
  import { ${make}, run } from "@trefoil/io";
  const encode = (text) => new TextEncoder().encode(text);
  const decode = (bytes) => new TextDecoder().decode(bytes);
  let options = {};
  ${before}
  const server = ${make}(${handler}, {
    hostname: "127.0.0.1",
    port: 0,
    onHandlerError: (error) => console.error("handler:", error.name),
    ...options,
  });
  await run(() => server({ started: ([address]) => console.log("port", address.port) }));
`;

const ECHO = "async (stream) => { for await (const chunk of stream) await stream.sendAll(chunk); }";

/** A bit of HTTP/1.1, with connections kept alive. */
const HTTP = `async (stream) => {
  let text = "";
  for await (const chunk of stream) {
    text += decode(chunk);
    for (let end; (end = text.indexOf("\\r\\n\\r\\n")) >= 0; text = text.slice(end + 4)) {
      const path = text.split(" ")[1];
      const body = path === "/big" ? "x".repeat(5_000_000) : "you asked for " + path + "\\n";
      await stream.sendAll(encode("HTTP/1.1 200 OK\\r\\nContent-Length: " + body.length + "\\r\\n\\r\\n" + body));
      if (text.slice(0, end).includes("Connection: close")) return;
    }
  }
}`;

async function portOf(program: Program): Promise<number> {
  await program.prints("port ");
  await program.prints("\n");
  return Number(/port (\d+)/.exec(program.stdout)![1]);
}

async function stop(program: Program): Promise<void> {
  program.signal("SIGINT");
  assertEquals(await program.end(), 130, program.stderr);
}

Deno.test("curl: two requests over one connection, a big answer, and one that it leaves early", async () => {
  if (!await has("curl", "--version")) return;
  const program = Program.start(server("tcpServer", HTTP));
  const url = `http://127.0.0.1:${await portOf(program)}`;
  const both = await ask("curl", ["-sv", `${url}/one`, `${url}/two`]);
  assertStringIncludes(both, "you asked for /one\n");
  assertStringIncludes(both, "you asked for /two\n");
  assertMatch(both, /Re-using existing connection/i);
  assertEquals(await ask("curl", ["-s", "-o", "/dev/null", "-w", "%{size_download}", `${url}/big`]), "5000000");
  // Over the limit, which it knows from the head: it leaves at once.
  await ask("curl", ["-s", "--max-filesize", "10", "-o", "/dev/null", `${url}/big`]);
  assertStringIncludes(await ask("curl", ["-s", `${url}/after`]), "you asked for /after\n");
  await stop(program);
  assert(program.stderr === "" || program.stderr === "handler: BrokenResourceError\n", program.stderr);
});

Deno.test("nc: it sends, half-closes, and gets all of it back", async () => {
  if (!await has("nc", "-h")) return;
  const program = Program.start(server("tcpServer", ECHO));
  const port = await portOf(program);
  const lines = Array.from({ length: 20_000 }, (_, line) => `line ${line}\n`).join("");
  assertEquals(await ask("nc", ["-N", "127.0.0.1", `${port}`], lines), lines);
  await stop(program);
  assertEquals(program.stderr, "");
});

Deno.test("nc: a server of its own, to which openTcpStream() sends, half-closes and receives", async () => {
  if (!await has("nc", "-h")) return;
  const nc = new Deno.Command("bash", {
    // What it gets is what it answers, once it has all of it.
    args: ["-c", "echo 'hello from nc' | nc -N -lvn 127.0.0.1 0"],
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const reader = nc.stderr.pipeThrough(new TextDecoderStream()).getReader();
  let heard = "";
  while (!/127\.0\.0\.1 (\d+)\n/.test(heard)) heard += (await reader.read()).value ?? "";
  const port = /127\.0\.0\.1 (\d+)\n/.exec(heard)![1]!;
  const client = Program.start(CLIENT, port);
  assertEquals([await client.end(), client.stdout], [0, "hello from nc\n"]);
  assertEquals(await new Response(nc.stdout).text(), "hello from us\n");
  while (!(await reader.read()).done);
  assert((await nc.status).success);
});

/** Sends a line and the end, and prints what comes. With certificates as arguments, over TLS. */
const CLIENT = `
  import { openTcpStream, openTlsStream, run } from "@trefoil/io";
  const [port, ca, alpn] = Deno.args;
  await run(async () => {
    using stream = ca === undefined
      ? await openTcpStream("127.0.0.1", Number(port))
      : await openTlsStream("127.0.0.1", Number(port), { caCerts: [ca], alpn: alpn === undefined ? [] : [alpn] });
    if (alpn !== undefined) console.log("agreed on", stream.alpnProtocol);
    await stream.sendAll(new TextEncoder().encode("hello from us\\n"));
    await stream.sendEof();
    for await (const chunk of stream) Deno.stdout.writeSync(chunk);
  });
`;

/** Makes a certificate for this machine that is its own authority; the files last as long as the test. */
async function withFiles(test: (files: { cert: string; key: string }) => Promise<void>): Promise<void> {
  if (!await has("openssl", "version")) return;
  const folder = await Deno.makeTempDir({ prefix: "trefoil_tls_" });
  const files = { cert: `${folder}/cert.pem`, key: `${folder}/key.pem` };
  try {
    const extensions = ["subjectAltName=DNS:localhost,IP:127.0.0.1", "basicConstraints=critical,CA:FALSE"];
    await ask("openssl", [
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"],
      ...["-keyout", files.key, "-out", files.cert, "-subj", "/CN=localhost"],
      ...extensions.flatMap((extension) => ["-addext", extension]),
    ]);
    await test(files);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("curl and openssl s_client verify serveTls(), with each version of TLS, and openssl agrees by ALPN", () =>
  withFiles(async ({ cert, key }) => {
    const options = JSON.stringify({ certFile: cert, keyFile: key, alpn: ["http/1.1", "echo/1"] });
    const program = Program.start(server("tlsServer", HTTP, `options = ${options};`));
    const port = await portOf(program);
    if (await has("curl", "--version")) {
      const args = ["-s", "--cacert", cert, `https://localhost:${port}/one`, `https://localhost:${port}/two`];
      assertEquals(await ask("curl", args), "you asked for /one\nyou asked for /two\n");
      // It does not know the authority.
      assertStringIncludes(await ask("curl", ["-sS", `https://localhost:${port}/`]), "certificate");
    }
    for (const version of ["tls1_2", "tls1_3"]) {
      const target = ["-connect", `127.0.0.1:${port}`, "-CAfile", cert, "-servername", "localhost", `-${version}`];
      const said = await ask(
        "openssl",
        ["s_client", ...target, "-verify_return_error", "-alpn", "echo/1", "-ign_eof"],
        // Until the server ends the connection.
        "GET /openssl HTTP/1.1\r\nConnection: close\r\n\r\n",
      );
      assertStringIncludes(said, "ALPN protocol: echo/1");
      assertStringIncludes(said, "Verify return code: 0 (ok)");
      assertStringIncludes(said, "you asked for /openssl");
    }
    await stop(program);
    assertEquals(program.stderr, "");
  }));

Deno.test("openTlsStream() talks to openssl s_server: a protocol, the answer, close_notify both ways", () =>
  withFiles(async ({ cert, key }) => {
    const args = ["s_server", "-accept", "127.0.0.1:0", "-cert", cert, "-key", key, "-alpn", "echo/1", "-rev"];
    const openssl = new Deno.Command("openssl", { args, stdout: "piped", stderr: "null", stdin: "null" }).spawn();
    const reader = openssl.stdout.pipeThrough(new TextDecoderStream()).getReader();
    let heard = "";
    while (!/ACCEPT 127\.0\.0\.1:(\d+)/.test(heard)) heard += (await reader.read()).value ?? "";
    const port = /ACCEPT 127\.0\.0\.1:(\d+)/.exec(heard)![1]!;
    const client = Program.start(CLIENT, port, await Deno.readTextFile(cert), "echo/1");
    assertEquals([await client.end(), client.stderr], [0, ""]);
    assertEquals(client.stdout, "agreed on echo/1\nsu morf olleh\n");
    openssl.kill("SIGKILL");
    await reader.cancel();
    await openssl.status;
  }));

/** Opens a connection that has been served, or waits to be: that cannot be told from outside. */
const connect = (port: number) => Deno.connect({ hostname: "127.0.0.1", port });

async function echoes(conn: Deno.Conn, text: string): Promise<void> {
  await conn.write(encode(text));
  const buffer = new Uint8Array(100);
  assertEquals(decode(buffer.subarray(0, (await conn.read(buffer))!)), text);
}

Deno.test("out of file descriptors, a server reports once per burst, waits, and goes on when some are free", async () => {
  const program = Program.startLimited(
    256,
    server("tcpServer", ECHO, `options = { onAcceptError: (error) => console.log("full:", error.code) };`),
  );
  const port = await portOf(program);
  // All of them connect: who is not accepted waits in the backlog.
  const conns = await Promise.all(Array.from({ length: 300 }, () => connect(port)));
  await program.prints("full: EMFILE\n");
  // Who was served goes on being served.
  await echoes(conns[0]!, "first");
  for (const conn of conns.splice(0, 250)) conn.close();
  // The others get their turn, now that there are descriptors again.
  for (const conn of conns) await echoes(conn, "late");
  for (const conn of conns) conn.close();
  const conn = await connect(port);
  await echoes(conn, "after");
  conn.close();
  // As long as it was full it has tried again every 100 ms, and said so once.
  assertEquals(program.stdout.split("full: EMFILE").length - 1, 1, program.stdout);
  await stop(program);
});

/** Tells what it has open and how much memory it has, when asked; else it echoes. */
const COUNTING = `async (stream) => {
  for await (const chunk of stream) {
    if (decode(chunk) !== "count") { await stream.sendAll(chunk); continue; }
    gc();
    const files = [...Deno.readDirSync("/proc/self/fd")].length;
    const { rss, heapUsed } = Deno.memoryUsage();
    await stream.sendAll(encode(JSON.stringify({ files, open: server.statistics().open, rss, heapUsed })));
  }
}`;

Deno.test("2,000 connections, opened and dropped in every way, leave nothing behind, and the server goes on", async () => {
  const program = Program.startLimited(1_024, server("tcpServer", COUNTING));
  const port = await portOf(program);
  async function count(): Promise<{ files: number; open: number; rss: number; heapUsed: number }> {
    const conn = await connect(port);
    await conn.write(encode("count"));
    const buffer = new Uint8Array(1_000);
    const text = decode(buffer.subarray(0, (await conn.read(buffer))!));
    conn.close();
    return JSON.parse(text);
  }
  /** In waves, as many as the limit allows. */
  async function openAndDrop(): Promise<void> {
    for (let wave = 0; wave < 10; wave++) {
      const conns = await Promise.all(Array.from({ length: 200 }, () => connect(port)));
      await Promise.all(conns.map(async (conn, index) => {
        // Says nothing; talks and leaves; leaves while it is answered, which resets; ends its half first.
        if (index % 4 === 1) await echoes(conn, "x");
        if (index % 4 === 2) await conn.write(new Uint8Array(50_000));
        if (index % 4 === 3) {
          await conn.closeWrite();
          assertEquals(await conn.read(new Uint8Array(1)), null);
        }
        conn.close();
      }));
    }
    // All have been accepted by now, but the server may have to hear yet that the last are gone.
    while ((await count()).open > 1);
  }
  const before = await count();
  // The first times fill caches and pools, and the memory of a process comes and goes; a leak grows every time.
  let last = await count();
  const grown: number[] = [];
  do {
    assert(grown.length < 10, `With every 2,000 connections the process grew, in bytes: ${grown}`);
    await openAndDrop();
    const now = await count();
    assertEquals(now.files, before.files);
    grown.push(Math.max(now.rss - last.rss, now.heapUsed - last.heapUsed));
    last = now;
  } while (grown.length < 2 || grown.at(-1)! > 1 << 19);
  await stop(program);
});

Deno.test("TLS clients that are silent, cut off or gone leave nothing behind once they are gone, and others are served", () =>
  withFiles(async ({ cert, key }) => {
    const options = JSON.stringify({ certFile: cert, keyFile: key, handshakeTimeout: 2_000 });
    const program = Program.startLimited(
      1_024,
      server(
        "tlsServer",
        COUNTING,
        `options = { ...${options}, onHandshakeError: (error) => console.log("turned away:", error.name) };`,
      ),
    );
    const port = await portOf(program);
    const caCerts = [await Deno.readTextFile(cert)];
    const connectTls = () => Deno.connectTls({ hostname: "127.0.0.1", port, caCerts });
    async function count(): Promise<{ files: number }> {
      using conn = await connectTls();
      await conn.write(encode("count"));
      const buffer = new Uint8Array(1_000);
      return JSON.parse(decode(buffer.subarray(0, (await conn.read(buffer))!)));
    }
    await count();
    const before = await count();
    const silent = await Promise.all(Array.from({ length: 100 }, () => connect(port)));
    const served = await Promise.all(Array.from({ length: 100 }, connectTls));
    for (const conn of served) await echoes(conn, "hello");
    // In the middle of a handshake: the head of a message that does not come.
    for (const conn of silent.slice(50)) await conn.write(new Uint8Array([0x16, 3, 1, 2, 0, 1]));
    await program.prints("turned away: TooSlowError\n".repeat(100));
    await echoes(served[0]!, "still here");
    for (const conn of [...silent, ...served]) conn.close();
    // Deno 2.9.6 keeps the sockets of unfinished handshakes until it hears that the clients are gone.
    while ((await count()).files > before.files);
    assertEquals((await count()).files, before.files);
    await stop(program);
  }));

Deno.test("what needs a file and gets none says so: names, connections, listeners and certificates", async () => {
  const program = Program.startLimited(
    60,
    `
    import { openTcpListeners, openTcpStream, openTlsListeners, run } from "@trefoil/io";
    const here = { hostname: "localhost" };
    const pem = await Deno.makeTempFile();
    const files = { certFile: pem, keyFile: pem };
    await run(async () => {
      // Whatever has to be loaded once is loaded.
      await openTcpStream("localhost", 1).catch(() => {});
      const held = [];
      const ways = [
        () => openTcpStream("localhost", 9),
        () => openTcpStream("127.0.0.1", 9),
        () => openTcpListeners(0, here),
        () => openTcpListeners(0, { hostname: "127.0.0.1" }),
        () => openTlsListeners(0, { hostname: "127.0.0.1", ...files }),
      ];
      try {
        while (true) held.push(Deno.openSync("/dev/null"));
      } catch {
        for (const way of ways) {
          const error = await way().catch((error) => error);
          console.log(error.name, /Too many open files/.test(error.message));
        }
      }
      for (const file of held) file.close();
      const error = await openTcpStream("no.such.name.invalid", 9).catch((error) => error);
      console.log(error.name, /ENOTFOUND/.test(error.message));
      await Deno.remove(pem);
    });
  `,
  );
  await program.end();
  assertEquals(program.stdout, "BrokenResourceError true\n".repeat(6), program.stderr);
});

Deno.test("a server whose handlers wait, upgrade and stream leaves nothing of the host's on stderr", async () => {
  const program = Program.start(`
    import { fetch, httpServer, openNursery, openWebSocket, run, sleep, upgradeWebSocket } from "@trefoil/io";
    const handler = async (request) => {
      if (request.headers.has("upgrade")) {
        return upgradeWebSocket(request, async (channel) => { for await (const m of channel) await channel.send(m); });
      }
      await sleep(40);
      return new Response("late");
    };
    run(() => openNursery(async (nursery) => {
      const [{ port }] = await nursery.start(httpServer(handler, { hostname: "127.0.0.1", port: 0 }));
      const socket = await openWebSocket(\`ws://127.0.0.1:\${port}/\`);
      await socket.send("echo");
      console.log(await socket.receive());
      await socket.close();
      for (let i = 0; i < 2; i++) console.log(await (await fetch(\`http://127.0.0.1:\${port}/\`)).text());
      console.warn("Deno.serve: request.signal aborts on successful responses, says somebody", "else");
      nursery.cancel();
    }));
  `);
  assertEquals(await program.end(), 0);
  assertEquals(program.stdout, "echo\nlate\nlate\n");
  assertEquals(program.stderr, "Deno.serve: request.signal aborts on successful responses, says somebody else\n");
});

Deno.test("a server that is told to end is a lame duck first, and its program ends with 0 within the grace", async () => {
  const program = Program.start(`
    import { openNursery, run, tcpServer, untilShutdown } from "@trefoil/io";
    const handler = async (stream) => {
      const next = await untilShutdown(() => stream.receiveSome());
      if (!next.cancelledCaught) await stream.sendAll(next.value);
    };
    const options = { hostname: "127.0.0.1", port: 0, lameDuck: 500, onLameDuck: () => console.log("not ready") };
    run(() => openNursery(async (nursery) => {
      const [{ port }] = await nursery.start(tcpServer(handler, options));
      console.log(\`port \${port};\`);
    }), { grace: 60_000 });
  `);
  await program.prints(";");
  const port = Number(/port (\d+);/.exec(program.stdout)?.[1]);
  program.signal("SIGTERM");
  await program.prints("not ready");
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  await connection.write(encode("late"));
  const buffer = new Uint8Array(10);
  const size = await connection.read(buffer);
  assertEquals(decode(buffer.subarray(0, size ?? 0)), "late");
  assertEquals(await program.end(), 0);
});
