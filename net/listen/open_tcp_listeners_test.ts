import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { ErrorGroup, moveOnAfter, run } from "../../core/mod.ts";
import type { Network, NetworkListener, NetworkListenOptions } from "../../core/lowlevel.ts";
import { openTcpListeners, openTcpStream } from "../mod.ts";
import { ScriptedNetwork } from "../_fixtures/scripted_network.ts";

/** A network on which listening succeeds unless the script has an error for the address and port. */
class ListeningNetwork extends ScriptedNetwork implements Network {
  readonly open = new Set<string>();
  readonly asked: string[] = [];
  #port = 1000;

  constructor(addresses: readonly string[], readonly errors: (where: string) => Error | undefined = () => undefined) {
    super(addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 })), {});
  }

  override listen(options?: NetworkListenOptions): NetworkListener {
    const { hostname, port, ...rest } = options!;
    const where = `${hostname}|${port}`;
    this.asked.push(Object.keys(rest).length === 0 ? where : `${where} ${JSON.stringify(rest)}`);
    const error = this.errors(where);
    if (error !== undefined) throw error;
    const addr = { transport: "tcp", hostname, port: port === 0 ? this.#port++ : port } as const;
    const name = `${hostname}|${addr.port}`;
    this.open.add(name);
    return { addr, accept: () => new Promise(() => {}), close: () => this.open.delete(name) };
  }
}

function failure(name: string, code: string): Error {
  return Object.assign(new Error(`This is ${code}`), { name, code });
}

/** Listens on `host.test`, and tells where, what was asked for, and what is open at the end. */
async function listen(network: ListeningNetwork, port: number, options = {}) {
  return await run(async () => {
    try {
      const listeners = await openTcpListeners(port, { hostname: "host.test", ...options });
      return listeners.map(({ address }) => `${address.hostname}|${address.port}`);
    } catch (error) {
      return `${(error as Error).name}: ${(error as Error).message}`;
    }
  }, { network });
}

Deno.test("openTcpListeners() listens on all addresses of a name, once each, with the same port", async () => {
  const network = new ListeningNetwork(["::1", "10.0.0.1", "::1"]);
  assertEquals(await listen(network, 0, { backlog: 5, reusePort: true }), ["::1|1000", "10.0.0.1|1000"]);
  const rest = '{"backlog":5,"reusePort":true}';
  assertEquals(network.asked, [`::1|0 ${rest}`, `10.0.0.1|1000 ${rest}`]);
});

Deno.test("openTcpListeners(0) asks for another port if the first is taken for another address", async () => {
  const taken = failure("AddrInUse", "EADDRINUSE");
  const network = new ListeningNetwork(["::1", "10.0.0.1"], (at) => /10.*(1000|1001)/.test(at) ? taken : undefined);
  assertEquals(await listen(network, 0), ["::1|1002", "10.0.0.1|1002"]);
  assertEquals([...network.open], ["::1|1002", "10.0.0.1|1002"]);

  const never = new ListeningNetwork(["::1", "10.0.0.1"], (at) => at.startsWith("10") ? taken : undefined);
  assertEquals(await listen(never, 0), "BrokenResourceError: Cannot listen on 10.0.0.1:1019: This is EADDRINUSE");
  assertEquals([never.asked.length, never.open.size], [40, 0]);

  // A port that was asked for is taken once and for all.
  const fixed = new ListeningNetwork(["::1", "10.0.0.1"], (at) => at.startsWith("10") ? taken : undefined);
  assertEquals(await listen(fixed, 80), "BrokenResourceError: Cannot listen on 10.0.0.1:80: This is EADDRINUSE");
  assertEquals([fixed.asked.length, fixed.open.size], [2, 0]);
});

Deno.test("openTcpListeners() passes over an address that is not here, if another one is", async () => {
  const away = failure("AddrNotAvailable", "EADDRNOTAVAIL");
  for (const missing of ["::1", "10.0.0.1"]) {
    const network = new ListeningNetwork(["::1", "10.0.0.1"], (at) => at.startsWith(missing) ? away : undefined);
    assertEquals(await listen(network, 80), [missing === "::1" ? "10.0.0.1|80" : "::1|80"]);
  }
  // What keeps the other one from working is what is told, and it is that which decides about another try.
  const taken = failure("AddrInUse", "EADDRINUSE");
  const other = new ListeningNetwork(["::1", "10.0.0.1"], (at) => at.startsWith("::1") ? away : taken);
  assertEquals(await listen(other, 80), "BrokenResourceError: Cannot listen on 10.0.0.1:80: This is EADDRINUSE");
  const again = new ListeningNetwork(
    ["::1", "10.0.0.1", "10.0.0.2"],
    (at) => at.startsWith("::1") ? away : at === "10.0.0.2|1000" ? taken : undefined,
  );
  assertEquals(await listen(again, 0), ["10.0.0.1|1001", "10.0.0.2|1001"]);
  const none = new ListeningNetwork(["::1", "10.0.0.1"], () => away);
  assertEquals(
    await listen(none, 80),
    "BrokenResourceError: Cannot listen on host.test:80 as no address of it can be used: " +
      "[::1]:80: This is EADDRNOTAVAIL; 10.0.0.1:80: This is EADDRNOTAVAIL",
  );
  const error = await run(() => openTcpListeners(80, { hostname: "host.test" }).catch((error) => error), {
    network: none,
    handleSignals: false,
  });
  assertInstanceOf(error.cause, ErrorGroup);
  assertEquals(error.cause.errors.map((each: Error) => each.cause), [away, away]);
});

Deno.test("openTcpListeners() passes over an address for any reason of the system but those that hold for all addresses", async () => {
  // Kernels without IPv6, and addresses without the zone they need, are told in many ways; nobody has listed them.
  for (const code of ["EAFNOSUPPORT", "EINVAL", "ENOPROTOOPT", "ENETUNREACH", "EWHATEVER"]) {
    const one = new ListeningNetwork(
      ["::1", "10.0.0.1"],
      (at) => at.startsWith("::1") ? failure("E", code) : undefined,
    );
    assertEquals(await listen(one, 80), ["10.0.0.1|80"], code);
  }
  for (
    const error of [...["EADDRINUSE", "EACCES", "EPERM", "EMFILE"].map((code) => failure("E", code)), new Error("?")]
  ) {
    const one = new ListeningNetwork(["::1", "10.0.0.1"], (at) => at.startsWith("10") ? error : undefined);
    assertEquals(await listen(one, 80), `BrokenResourceError: Cannot listen on 10.0.0.1:80: ${error.message}`);
    assertEquals(one.open.size, 0);
  }
});

Deno.test("openTcpListeners() that fails for another reason closes what it has opened", async () => {
  const denied = failure("PermissionDenied", "EACCES");
  const network = new ListeningNetwork(["::1", "10.0.0.1"], (at) => at.startsWith("10") ? denied : undefined);
  assertEquals(await listen(network, 0), "BrokenResourceError: Cannot listen on 10.0.0.1:1000: This is EACCES");
  assertEquals(network.open.size, 0);
  const nowhere = new ListeningNetwork([]);
  assertEquals(
    await listen(nowhere, 0),
    "BrokenResourceError: Cannot listen on host.test as its name could not be resolved: The name has no address",
  );
});

Deno.test("openTcpListeners() refuses what is no host before any effect", async () => {
  for (const hostname of ["localhost:80", "[localhost]", "fe80::1%", "exa mple", ""]) {
    await assertRejects(
      () => openTcpListeners(0, { hostname }),
      RangeError,
      `Cannot listen as "hostname" must be a host name or IP address: received ${JSON.stringify(hostname)}`,
    );
  }
});

Deno.test("openTcpListeners() refuses in a cancelled scope, and can be cancelled while it resolves", async () => {
  const network = new ListeningNetwork(["10.0.0.1"]);
  network.resolve = () => new Promise(() => {});
  await run(async () => {
    const early = await moveOnAfter(0, () => openTcpListeners(80, { hostname: "host.test" }));
    const late = await moveOnAfter(5, () => openTcpListeners(80, { hostname: "host.test" }));
    assert(early.cancelledCaught && late.cancelledCaught);
  }, { network });
  assertEquals(network.asked, []);
});

Deno.test("reusePort without Deno's flag is an error that names it", async () => {
  const message =
    'Cannot listen with "reusePort" as Deno must be started with --unstable-net for it: the flag is missing';
  await assertRejects(() => openTcpListeners(0, { hostname: "127.0.0.1", reusePort: true }), TypeError, message);
  await assertRejects(
    () => openTcpListeners(0, { reusePort: 1 as never }),
    TypeError,
    'Cannot listen as "reusePort" must be true or false: received 1',
  );
});

Deno.test("openTcpListeners() by name serves every family this machine has, on one port", async () => {
  const listeners = await openTcpListeners(0, { hostname: "localhost" });
  assertEquals(new Set(listeners.map(({ address }) => address.port)).size, 1);
  for (const listener of listeners) {
    using _client = await openTcpStream(listener.address.hostname, listener.address.port);
    using _server = await listener.accept();
    listener.close();
  }
});
