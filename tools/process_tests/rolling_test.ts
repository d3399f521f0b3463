/**
 * Servers that are begun again one after the other, behind a real proxy: nothing that a client asks is lost. The proxy
 * is haproxy, which cannot repeat what it has sent over TCP, and asks for health now and then.
 *
 * `-- --rolls=20` begins more of them again than the gate does.
 */

import { assert, assertEquals } from "@std/assert";
import { Program } from "./_program.ts";

const ROLLS = Number(Deno.args.find((arg) => arg.startsWith("--rolls="))?.slice(8) ?? 2);
/** So many are asked beside one restart, at least. */
const REQUESTS = 250;
/** How often the proxy asks for health, and the lame-duck time, in milliseconds: on a busy machine some answers are late. */
const [HEALTH, LAME_DUCK] = [100, 1_500];
const HAPROXY = "/usr/sbin/haproxy";

/** Serves one question for each connection; its health is on the other port. */
const SERVER = `
  import { httpServer, openNursery, run, sleep, tcpServer, untilShutdown } from "@trefoil/io";
  const [port, health] = Deno.args.map(Number);
  let ready = true;
  const here = { hostname: "127.0.0.1", lameDuck: ${LAME_DUCK}, onLameDuck: () => void (ready = false) };
  run(() => openNursery(async (nursery) => {
    await nursery.start(tcpServer(async (stream) => {
      const next = await untilShutdown(() => stream.receiveSome());
      if (next.cancelledCaught || next.value === null) return;
      await sleep(5);
      await stream.sendAll(next.value);
    }, { ...here, port }));
    await nursery.start(httpServer(() => new Response(null, { status: ready ? 200 : 503 }), { ...here, port: health }));
    console.log("up;");
  }), { grace: 60_000 });
`;

/** So many ports that are free now. */
function freePorts(count: number): number[] {
  const listeners = Array.from({ length: count }, () => Deno.listen({ port: 0, hostname: "127.0.0.1" }));
  const ports = listeners.map(({ addr }) => (addr as Deno.NetAddr).port);
  for (const listener of listeners) listener.close();
  return ports;
}

async function ask(port: number): Promise<boolean> {
  try {
    using connection = await Deno.connect({ port, hostname: "127.0.0.1" });
    await connection.write(new Uint8Array([7]));
    const buffer = new Uint8Array(1);
    return await connection.read(buffer) === 1 && buffer[0] === 7;
  } catch {
    return false;
  }
}

/** Waits until the proxy sends to a server, or to both. */
async function untilServed(port: number): Promise<void> {
  for (const end = Date.now() + 30_000; !await ask(port) && Date.now() < end;) await moment(HEALTH);
}

function moment(ms: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, ms));
}

async function isThere(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch {
    // deno-lint-ignore no-console -- a skipped test must be seen
    console.warn(`SKIPPED: this test needs ${path}: install haproxy`);
    return false;
  }
}

Deno.test("servers that are begun again behind haproxy, over TCP, lose nothing that a client asks", async () => {
  if (!await isThere(HAPROXY)) return;
  const [proxy = 0, ...ports] = freePorts(5);
  const places = [ports.slice(0, 2), ports.slice(2)] as [number[], number[]];
  const config = await Deno.makeTempFile({ suffix: ".cfg" });
  await Deno.writeTextFile(
    config,
    `defaults
  mode tcp
  timeout connect 5s
  timeout client 30s
  timeout server 30s
frontend front
  bind 127.0.0.1:${proxy}
  default_backend back
backend back
  balance roundrobin
  option httpchk GET /
${
      places.map(([port, health], i) =>
        `  server s${i} 127.0.0.1:${port} check port ${health} inter ${HEALTH} fall 1 rise 1`
      ).join("\n")
    }
`,
  );
  const begin = async ([port, health]: number[]): Promise<Program> => {
    const program = Program.start(SERVER, `${port}`, `${health}`);
    await program.prints("up;");
    return program;
  };
  const servers = await Promise.all(places.map(begin));
  const haproxy = new Deno.Command(HAPROXY, { args: ["-f", config, "-db"], stdout: "null", stderr: "null" }).spawn();
  let [asked, lost] = [0, 0];
  let over = false;
  try {
    await untilServed(proxy);
    const client = async (): Promise<void> => {
      while (!over || asked < ROLLS * REQUESTS) {
        asked++;
        if (!await ask(proxy)) lost++;
        await moment(5);
      }
    };
    const clients = Array.from({ length: 4 }, client);
    for (let i = 0; i < ROLLS; i++) {
      const old = servers[i % 2]!;
      old.signal("SIGTERM");
      assertEquals(await old.end(), 0);
      servers[i % 2] = await begin(places[i % 2]!);
      // Until the proxy has seen that it is there.
      await moment(HEALTH * 10);
    }
    over = true;
    await Promise.all(clients);
  } finally {
    over = true;
    haproxy.kill();
    await haproxy.status;
    for (const server of servers) await server.kill();
    await Deno.remove(config);
  }
  assert(asked >= ROLLS * REQUESTS);
  assertEquals([lost, asked], [0, asked]);
});
