import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { BrokenResourceError, ErrorGroup, moveOnAfter, run } from "../../core/mod.ts";
import type { ResolvedAddress } from "../../core/lowlevel.ts";
import { simulate } from "../../testing/mod.ts";
import { interleave } from "./_happy_eyeballs.ts";
import { openTcpListeners, openTcpStream, type OpenTcpStreamOptions } from "../mod.ts";
import { type Attempt, ScriptedNetwork } from "../_fixtures/scripted_network.ts";

const v4 = (n: number): ResolvedAddress => ({ address: `10.0.0.${n}`, family: 4 });
const v6 = (n: number): ResolvedAddress => ({ address: `fe::${n}`, family: 6 });

interface Result {
  readonly end: string;
  readonly time: number;
  readonly log: readonly string[];
  readonly open: readonly string[];
  readonly error: unknown;
}

/** Connects over a scripted network in virtual time; tells what happened, and what is open after all has come in. */
function connect(
  addresses: readonly ResolvedAddress[],
  attempts: Record<string, Attempt>,
  options: OpenTcpStreamOptions = {},
  timeout = Infinity,
  host = "host.test",
): Promise<Result> {
  const network = new ScriptedNetwork(addresses, attempts);
  return simulate(async (sim) => {
    let error: unknown;
    const outcome = await moveOnAfter(timeout, async () => {
      try {
        return (await openTcpStream(host, 80, options)).remoteAddress.hostname;
      } catch (thrown) {
        error = thrown;
        throw thrown;
      }
    }).catch(() => ({ cancelledCaught: false as const, value: "failed" }));
    const time = sim.now;
    await sim.advance(10_000);
    const open = network.conns.filter(({ closed }) => closed === 0).map(({ remoteAddr }) => remoteAddr.hostname);
    return { end: outcome.cancelledCaught ? "cancelled" : outcome.value, time, log: network.log, open, error };
  }, { network, io: { quiet: 0 } });
}

Deno.test("interleave() alternates the families, beginning with the resolver's first", () => {
  const order = (...addresses: ResolvedAddress[]) => interleave(addresses).map(({ address }) => address);
  assertEquals(order(v6(1), v6(2), v6(3), v4(1), v4(2)), ["fe::1", "10.0.0.1", "fe::2", "10.0.0.2", "fe::3"]);
  assertEquals(order(v4(1), v6(1)), ["10.0.0.1", "fe::1"]);
  assertEquals(order(v4(1), v4(2)), ["10.0.0.1", "10.0.0.2"]);
  assertEquals(order(), []);
});

Deno.test("openTcpStream() tries the next address after the delay, or at once when one fails; losers are closed", async () => {
  const { end, time, log, open } = await connect([v6(1), v6(2), v4(1), v4(2)], {
    "fe::1": { after: 1_000 },
    "10.0.0.1": { after: 100, error: "refused" },
    "fe::2": { after: 400 },
    "10.0.0.2": { after: 400 },
  });
  assertEquals([end, time, open], ["fe::2", 750, ["fe::2"]]);
  assertEquals(log, [
    "0 resolve host.test",
    "0 connect fe::1",
    "250 connect 10.0.0.1",
    "350 connect fe::2",
    "600 connect 10.0.0.2",
  ]);
});

Deno.test("openTcpStream() takes the delay it is given", async () => {
  const { log } = await connect([v4(1), v4(2)], { "10.0.0.1": { after: 90 }, "10.0.0.2": { after: 90 } }, {
    happyEyeballsDelay: 50,
  });
  assertEquals(log.slice(1), ["0 connect 10.0.0.1", "50 connect 10.0.0.2"]);
});

Deno.test("openTcpStream(): of two that succeed at the same time one is closed", async () => {
  const { end, open } = await connect([v4(1), v4(2)], { "10.0.0.1": { after: 300 }, "10.0.0.2": { after: 50 } });
  assertEquals([end, open], ["10.0.0.1", ["10.0.0.1"]]);
});

Deno.test("openTcpStream() that is cancelled closes what comes too late", async () => {
  const { end, time, open } = await connect(
    [v4(1), v4(2)],
    { "10.0.0.1": { after: 500 }, "10.0.0.2": { after: 500 } },
    {},
    300,
  );
  assertEquals([end, time, open], ["cancelled", 300, []]);
});

Deno.test("openTcpStream() fails with one error that names the target and holds all attempts, in order", async () => {
  const { end, time, error } = await connect([v6(1), v4(1)], {
    "fe::1": { after: 400, error: "unreachable" },
    "10.0.0.1": { after: 10, error: "refused" },
  });
  assertEquals([end, time], ["failed", 400]);
  assertInstanceOf(error, BrokenResourceError);
  assertEquals(
    error.message,
    "Cannot connect to host.test:80 as no attempt succeeded: 10.0.0.1:80: refused; [fe::1]:80: unreachable",
  );
  assertInstanceOf(error.cause, ErrorGroup);
  assertEquals(error.cause.errors.map((attempt) => String((attempt as Error).cause)), [
    "Error: refused",
    "Error: unreachable",
  ]);
});

Deno.test("openTcpStream() takes an IPv6 address as a URL has it, in brackets", async () => {
  const { end, log } = await connect([], { "fe::1": { after: 1, error: "refused" } }, {}, Infinity, "[fe::1]");
  assertEquals([end, log], ["failed", ["0 connect fe::1"]]);
});

Deno.test("a permission that is missing for a name comes out as it is, of connecting and of listening", async () => {
  const denied = Object.assign(new Error("Requires net access"), { name: "NotCapable" });
  const network = Object.assign(new ScriptedNetwork([], {}), { resolve: () => Promise.reject(denied) });
  for (const open of [() => openTcpStream("host.test", 80), () => openTcpListeners(80, { hostname: "host.test" })]) {
    const error = await run(open as () => Promise<unknown>, { network }).catch((error) => error);
    assert(error === denied, String(error));
  }
});

Deno.test("openTcpStream(): a name without addresses is an error that says so", async () => {
  const { error } = await connect([], {});
  assertEquals(
    String(error),
    "BrokenResourceError: Cannot connect to host.test:80 as its name could not be resolved: The name has no address",
  );
});

Deno.test("openTcpStream() checks its arguments before any effect", async () => {
  const check = (message: string, ...args: unknown[]) =>
    assertRejects(() => (openTcpStream as (...args: unknown[]) => Promise<unknown>)(...args), Error, message);
  await check('Cannot open a TCP stream as "port" must be a whole number from 1 to 65535: received 0', "localhost", 0);
  await check("received 65536", "localhost", 65_536);
  await check('Cannot open a TCP stream as "port" must be a number: received "80"', "localhost", "80");
  await check('Cannot open a TCP stream as "hostname" must be a string: received 5', 5, 80);
  await check('Cannot open a TCP stream as "hostname" must be a host name or IP address: received ""', "", 80);
  // The port in the wrong place would be taken for a part of an IPv6 address.
  for (const hostname of ["localhost:80", "127.0.0.1:80", "a:b", "1::2::3"]) {
    await check(`"hostname" must be a host name or IP address: received "${hostname}"`, hostname, 80);
  }
  await check('"hostname" must be a host name or IP address: received "[localhost]"', "[localhost]", 80);
  await check('"happyEyeballsDelay" must be >= 0: received -1', "localhost", 80, { happyEyeballsDelay: -1 });
});

Deno.test("openTcpStream() connects by name and by address, over loopback, and says why it cannot", async () => {
  const [listener] = await openTcpListeners(0, { hostname: "127.0.0.1" });
  const { port } = listener.address;
  for (const host of ["127.0.0.1", "localhost"]) {
    using stream = await openTcpStream(host, port);
    assertEquals(stream.remoteAddress.port, port);
    (await listener.accept()).close();
  }
  listener.close();
  const error = await assertRejects(
    () => openTcpStream("127.0.0.1", port),
    BrokenResourceError,
    `Cannot connect to 127.0.0.1:${port}`,
  );
  const [attempt] = (error.cause as ErrorGroup).errors as Error[];
  assert(attempt?.cause instanceof Deno.errors.ConnectionRefused);
});

Deno.test("openTcpStream() that is cancelled at once, again and again, leaves no socket open", async () => {
  const [listener] = await openTcpListeners(0, { hostname: "127.0.0.1" });
  using _ = listener;
  for (let round = 0; round < 100; round++) {
    const outcome = await moveOnAfter(Infinity, async (scope) => {
      const connecting = openTcpStream("127.0.0.1", listener.address.port);
      for (let turn = 0; turn < round % 4; turn++) await new Promise((resolve) => setImmediate(resolve));
      scope.cancel();
      return await connecting;
    });
    if (!outcome.cancelledCaught) outcome.value.close();
  }
  // What is left would be reported by the leak checks of this test.
});
