// deno-lint-ignore-file no-console
/**
 * The proxies of the benchmark, each in a process of its own: prints its port.
 *
 * Usage: loop | pipeTo | node | ours, port of the target
 */

import { openTcpStream, proxy, run, tcpServer } from "../mod.ts";

const [mode, target] = Deno.args as [string, string];
const hostname = "127.0.0.1";
const port = Number(target);

function ours(): Promise<void> {
  return tcpServer(async (client) => void await proxy(client, await openTcpStream(hostname, port)), {
    hostname,
    port: 0,
    onHandlerError: () => {},
  })({ started: ([address]) => console.log(address.port) });
}

async function bare(pass: (from: Deno.TcpConn, to: Deno.TcpConn) => Promise<void>): Promise<void> {
  const listener = Deno.listen({ hostname, port: 0 });
  console.log(listener.addr.port);
  for await (const client of listener) {
    client.setNoDelay(true);
    Deno.connect({ hostname, port }).then(async (server) => {
      server.setNoDelay(true);
      await Promise.allSettled([pass(client, server), pass(server, client)]);
    });
  }
}

async function loop(from: Deno.TcpConn, to: Deno.TcpConn): Promise<void> {
  const buffer = new Uint8Array(64 * 1024);
  for (let size = await from.read(buffer); size !== null; size = await from.read(buffer)) {
    for (let sent = 0; sent < size;) sent += await to.write(buffer.subarray(sent, size));
  }
  await to.closeWrite();
}

if (mode === "ours") run(ours);
else if (mode === "loop") bare(loop);
else bare((from, to) => from.readable.pipeTo(to.writable));
