/**
 * Servers against clients that reset, send nonsense, or neither send nor read: whatever they do, the server still
 * serves, gives its files back, and ends when it is told to.
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { HostileClient, type Kind } from "./_hostile_client.ts";
import { Program } from "./_program.ts";

/** How long work may go on after SIGTERM, in milliseconds. */
const GRACE = 500;
/** How much longer the process may live, in milliseconds. */
const SLACK = 2_000;

/** Serves until it is told to end, as `kind`, with `options`; prints where. */
const SERVER = `
  import { httpServer, run, tcpServer, tlsServer, unixServer, untilShutdown, upgradeWebSocket, sleep } from "@trefoil/io";
  const [kind, json] = Deno.args;
  const { path, ...rest } = JSON.parse(json);
  const status = { started: ([address]) => console.log("at", address.path ?? address.port, ".") };
  const options = { hostname: "127.0.0.1", port: 0, ...rest };
  const echo = async (stream) => { for await (const chunk of stream) await stream.sendAll(chunk); };
  const endless = () =>
    new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(65_536)) }, { highWaterMark: 0 });
  const routes = {
    "/hello": () => new Response("hello"),
    "/read": async (request) => new Response(await request.text()),
    "/iterate": async (request) => { for await (const _ of request.body); return new Response(); },
    "/pipe": async (request) =>
      new Response(await new Response(request.body.pipeThrough(new TransformStream())).text()),
    "/early": () => new Response("too large", { status: 413 }),
    "/slow": async () => { await sleep(60_000); return new Response(); },
    "/big": () => new Response("x".repeat(30_000_000)),
    "/endless": () => new Response(endless()),
    "/url": (request) => new Response(new URL(request.url).pathname),
    "/ws": (request) => upgradeWebSocket(request, async (socket) => {
      for await (const message of socket) await socket.send(message);
    }),
    "/flood": (request) => upgradeWebSocket(request, async (socket) => {
      while (true) await socket.send("x".repeat(60_000));
    }),
  };
  const servers = {
    tcp: () => tcpServer(echo, options),
    tls: () => tlsServer(echo, options),
    unix: () => unixServer(echo, { path }),
    http: () => httpServer((request) => routes[new URL(request.url).pathname](request), options),
  };
  run(() => (servers[kind] ?? servers.http)()(status), { grace: ${GRACE} });
`;

const STREAM_STATES = ["silent", "talking", "unread", "flood"];
const HTTP_STATES = [
  ...["silent", "head", "body", "chunks", "piped", "bad-chunks", "unread-body", "handler", "answer", "stream", "idle"],
  "bad-host",
];
const WS_STATES = ["upgrade", "conversation", "garbage", "half-a-frame", "flood"];
const TLS_STATES = ["hello", "nonsense"];

const KINDS: Record<Kind, readonly string[]> = {
  tcp: STREAM_STATES,
  tls: [...STREAM_STATES, ...TLS_STATES],
  unix: STREAM_STATES,
  http: [...HTTP_STATES, ...WS_STATES],
  https: [...HTTP_STATES, ...WS_STATES, ...TLS_STATES],
};

/** What makes it possible to run these tests; `null`, with a line that says so, where something is missing. */
async function means(): Promise<string | null> {
  const has = (command: string) =>
    new Deno.Command(command, { args: ["version"], stdout: "null", stderr: "null" }).output().then(
      () => true,
      () => false,
    );
  if (Deno.build.os === "linux" && await has("python3") && await has("openssl")) {
    return await Deno.makeTempDir({ prefix: "trefoil_hostile_" });
  }
  // deno-lint-ignore no-console -- a skipped test must be seen
  console.warn("SKIPPED: servers against hostile clients need Linux, python3 and openssl: install them");
  return null;
}

const folder = await means();
const certificate = folder === null ? {} : await makeCertificate(folder);
if (folder !== null) globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

async function makeCertificate(folder: string): Promise<{ readonly cert: string; readonly key: string }> {
  const [cert, key] = [`${folder}/cert.pem`, `${folder}/key.pem`];
  const args = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"];
  await new Deno.Command("openssl", {
    args: [...args, "-subj", "/CN=localhost", "-keyout", key, "-out", cert],
    stderr: "null",
  }).output();
  return { cert: await Deno.readTextFile(cert), key: await Deno.readTextFile(key) };
}

interface Served {
  readonly program: Program;
  readonly client: HostileClient;
}

/** Starts a server, with at most so many open files, and a client of it. */
async function start(kind: Kind, openFiles = 1_024): Promise<Served & AsyncDisposable> {
  const options = {
    ...(kind === "unix" ? { path: `${folder}/${kind}-${openFiles}.sock` } : {}),
    ...(kind === "tls" || kind === "https" ? certificate : {}),
  };
  const program = Program.startLimited(openFiles, SERVER, kind, JSON.stringify(options));
  await program.prints(" .\n");
  const client = new HostileClient(kind, /at (\S+) \./.exec(program.stdout)![1]!);
  return {
    program,
    client,
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]();
      await program.kill();
    },
  };
}

/** Waits until a process has no more files open than before. */
async function untilFilesAreBack({ program, client }: Served, before: number, what: string): Promise<void> {
  for (let look = 0;; look++) {
    const more = await client.openFiles(program.pid) - before;
    if (more <= 0) return;
    assert(look < 500, `${what}: ${more} files were not given back: ${program.stderr}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Tells a server to end, and requires that it does, in time; returns the exit code. */
async function end({ program }: Served): Promise<number> {
  const begun = performance.now();
  program.signal("SIGTERM");
  const code = await program.end();
  const took = performance.now() - begun;
  assert(took < GRACE + SLACK, `The process took ${took} ms to end: ${program.stderr}`);
  return code;
}

for (const [kind, states] of Object.entries(KINDS) as [Kind, readonly string[]][]) {
  const isHttp = kind === "http" || kind === "https";
  const good = async ({ client }: Served) => {
    await client.do("good");
    if (isHttp) await client.do("good-ws");
  };

  Deno.test({
    name: `${kind}: clients that reset or leave, at any moment, end nothing but their own connection`,
    ignore: folder === null,
    async fn() {
      await using served = await start(kind);
      const { program, client } = served;
      await good(served);
      const before = await client.openFiles(program.pid);
      for (const state of states) {
        for (const how of ["reset", "end"]) await client.do(`${how}-${state}`, 9);
        await client.do("good");
        await untilFilesAreBack(served, before, state);
      }
      // While the process does nothing, connections wait to be accepted, and are dead when they are.
      program.signal("SIGSTOP");
      await client.do("reset-accept", 20);
      program.signal("SIGCONT");
      await good(served);
      await untilFilesAreBack(served, before, "accept");
      assertEquals(await end(served), 0, program.stderr);
      // What clients of HTTP do is no error of a handler.
      if (isHttp) assert(!program.stderr.includes("handler failed"), program.stderr);
    },
  });

  Deno.test({
    name: `${kind}: ten clients of each kind that stick keep nobody out, nor the process from ending`,
    ignore: folder === null,
    async fn() {
      await using served = await start(kind);
      for (const state of states) await served.client.do(`stick-${state}`, 10);
      await good(served);
      // The work of some takes longer than the grace.
      assertEquals(await end(served), 143, served.program.stderr);
    },
  });

  Deno.test({
    name: `${kind}: a want of open files is reported once, and passes`,
    ignore: folder === null,
    async fn() {
      await using served = await start(kind, 70);
      const { program, client } = served;
      await client.do("fill-all", 90);
      await program.prints("Cannot accept connections for the moment", "stderr");
      await client.do("drop");
      await good(served);
      assertEquals(program.stderr.split("Cannot accept").length, 2, program.stderr);
      assertEquals(await end(served), 0, program.stderr);
      assertStringIncludes(program.stderr, "Too many open files");
    },
  });
}
