import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { all, fetch, openNursery, simulate, type Simulation, sleep, taskTree } from "@trefoil/io";
import { addInstrument } from "@trefoil/io/lowlevel";
import { type Finding, TraceRecorder, Watchdog } from "@trefoil/io/observe";
import { type Faults, Shop, shopServer } from "./observed_server.ts";

/** A shop in a simulation, and its customers; returns what a watchdog has found. */
function withShop(
  faults: Faults,
  body: (
    parts: { sim: Simulation; ask: (path: string) => Promise<string>; look: () => Promise<void> },
  ) => Promise<void>,
): Promise<Finding[]> {
  return simulate(async (sim) => {
    const found: Finding[] = [];
    using watchdog = new Watchdog({ interval: 0, holdAge: 500, onFinding: (finding) => void found.push(finding) });
    using _ = addInstrument(watchdog);
    sim.net.host("shop").startSoon(() =>
      openNursery(async (nursery) => await shopServer(new Shop(nursery, faults), { port: 80 })())
    );
    await sim.settled();
    const ask = async (path: string) => await (await fetch(`http://shop${path}`)).text();
    await body({ sim, ask, look: () => watchdog.look() });
    return found;
  });
}

const isOfLoop = (kind: string) => kind === "blocked loop" || kind === "busy machine";

/** So many orders at the same time. */
const orders = (ask: (path: string) => Promise<string>, count: number) =>
  all(Array.from({ length: count }, () => () => ask("/order")));

Deno.test("observed_server.ts without a fault: orders are paid side by side, and nothing is found", async () => {
  const found = await withShop({}, async ({ sim, ask, look }) => {
    assertEquals((await orders(ask, 5)).length, 5);
    assertEquals(sim.now, 400);
    assertStringIncludes(await ask("/report"), "the sum is");
    await look();
  });
  // In simulated time, a step may take as long as it wants: nobody notices but the watchdog.
  assertEquals(found.filter(({ kind }) => !isOfLoop(kind)), []);
});

Deno.test("observed_server.ts with --slow-lock: orders queue up, and the tree says behind whom and where", async () => {
  const found = await withShop({ slowLock: true }, async ({ sim, ask, look }) => {
    await openNursery(async (nursery) => {
      nursery.startSoon(() => orders(ask, 5));
      await sleep(1_000);
      const tree = `${await taskTree({ places: true })}`;
      assertMatch(
        tree,
        /acquire lock "stock" held by task "request" #\d+ .* at Shop\.order \(observed_server\.ts:\d+:\d+\)/,
      );
      await look();
    });
    assertEquals(sim.now, 2_000);
  });
  const [held] = found.filter(({ kind }) => !isOfLoop(kind));
  assertEquals(held?.kind, "held lock");
  assertMatch(held!.frames[0]!, /^Shop\.order \(.*observed_server\.ts:\d+:\d+\)$/);
});

Deno.test("observed_server.ts with --leak: tasks pile up behind a channel that nobody reads", async () => {
  const found = await withShop({ leak: true }, async ({ ask, look }) => {
    for (let n = 0; n < 3; n++) await orders(ask, 10);
    const tree = `${await taskTree({ places: true })}`;
    // Ten are in the channel.
    assertEquals(tree.match(/audit of order \d+ #\d+: send on channel "audit" \(10\/10\)/g)?.length, 20);
    await sleep(1_000);
    await look();
  });
  assertEquals(found.map(({ kind }) => kind).filter((kind) => !isOfLoop(kind)), ["full channel"]);
});

Deno.test("observed_server.ts with --block: who holds the loop is told, with the place", async () => {
  const found = await withShop({ block: true }, async ({ ask }) => {
    await ask("/report");
  });
  // Where the machine is busy as well, that is said.
  const [blocked] = found.filter(({ kind, task }) => isOfLoop(kind) && task !== "");
  assertStringIncludes(blocked!.message, 'task "request" #');
});

Deno.test("observed_server.ts: a trace shows the queue at the lock", async () => {
  const trace = new TraceRecorder();
  await withShop({ slowLock: true }, async ({ ask }) => {
    using _ = addInstrument(trace);
    await orders(ask, 3);
  });
  const { traceEvents } = JSON.parse(trace.toJson()) as {
    traceEvents: { name: string; dur?: number; args?: { for?: string } }[];
  };
  const waits = traceEvents.filter(({ name, dur }) => name === "acquire lock" && dur !== undefined);
  assertEquals(waits.map(({ dur }) => Math.round(dur! / 1_000)), [400, 800]);
  assert(waits.every(({ args }) => args?.for?.startsWith('"stock"')));
});

Deno.test({
  name: "observed_server.ts as a program: the monitor and SIGQUIT show what an order waits for",
  ignore: Deno.build.os === "windows",
}, async () => {
  const path = new URL("observed_server.ts", import.meta.url).pathname;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-lock", "--allow-net=127.0.0.1", path, "--slow-lock", "--port=0", "--monitor=0"],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    env: { NO_COLOR: "1" },
  }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const { value = "" } = await reader.read();
  const [, shop, monitor, token] = /shop is at (\S+), .* (http:\S+)\/#(\w+)/.exec(value)!;
  const asked = [1, 2, 3].map(() => globalThis.fetch(`${shop}order`).then((answer) => answer.text()));
  const headers = { authorization: `Bearer ${token}` };
  let tree = "";
  while (!tree.includes("acquire lock")) tree = await (await globalThis.fetch(`${monitor}/tree`, { headers })).text();
  assertStringIncludes(tree, "at Shop.order (observed_server.ts");
  const { resources } = await (await globalThis.fetch(`${monitor}/snapshot`, { headers })).json();
  assertEquals(resources.map(({ name }: { name: string }) => name).slice(0, 2), ["stock", "audit"]);
  child.kill("SIGQUIT");
  await Promise.all(asked);
  child.kill("SIGTERM");
  const [{ code }, stderr] = await Promise.all([child.status, new Response(child.stderr).text()]);
  await reader.cancel();
  assertStringIncludes(stderr, "main #1");
  assertEquals(code, 143);
});
