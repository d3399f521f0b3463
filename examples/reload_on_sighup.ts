// deno-lint-ignore-file no-console
/**
 * A server that greets, and reads its greeting anew when it gets SIGHUP: without a restart, and without losing a
 * client. A file that cannot be read is reported, and the old greeting stays.
 *
 * Run it: deno run --allow-net --allow-read examples/reload_on_sighup.ts greeting.txt [port]
 * Try it: nc 127.0.0.1 8000, then change the file, and: kill -HUP <the number it prints>
 */
import {
  openNursery,
  openSignals,
  run,
  type ServeTcpOptions,
  type TaskStatus,
  type TcpAddress,
  tcpServer,
} from "@trefoil/io";

type Addresses = readonly [TcpAddress, ...TcpAddress[]];

/** Serves until cancelled. `load` gives the greeting: at first, and after each SIGHUP. */
export async function serveGreeting(
  load: () => Promise<string>,
  options: ServeTcpOptions,
  status: TaskStatus<Addresses>,
): Promise<void> {
  // Before anything else: a SIGHUP that nobody listens for ends the program.
  using signals = openSignals("SIGHUP");
  let greeting = await load();
  await openNursery(async (nursery) => {
    const server = tcpServer((stream) => stream.sendText(greeting), options);
    nursery.startSoon(() => server(status), { name: "greet" });
    for await (const signal of signals) {
      try {
        greeting = await load();
        console.log(`${signal}: read anew`);
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
        console.error(`${signal}: the old greeting stays: ${error.message}`);
      }
    }
  });
}

if (import.meta.main) {
  const [path = "greeting.txt", port = "8000"] = Deno.args;
  const started = ([address]: Addresses) =>
    console.log(`greeting on port ${address.port}, process ${Deno.pid}, Ctrl-C to stop`);
  run(() => serveGreeting(() => Deno.readTextFile(path), { port: Number(port) }, { started }));
}
