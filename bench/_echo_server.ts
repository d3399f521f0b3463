// deno-lint-ignore-file no-console
/**
 * The servers of the network's benchmarks, each in a process of its own: prints its port.
 *
 * Usage: bare | ours | ours-watchdog | ours-trace | ours-monitor | bare-accept | ours-accept
 */

import { run, tcpServer } from "../mod.ts";
import { openMonitor, TraceRecorder, Watchdog } from "../observe/mod.ts";

const BUFFER = 64 * 1024;

/** What one would write without the library. */
async function bare(): Promise<void> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  console.log(listener.addr.port);
  for await (const conn of listener) echo(conn);
}

async function echo(conn: Deno.TcpConn): Promise<void> {
  conn.setNoDelay(true);
  const buffer = new Uint8Array(BUFFER);
  try {
    for (let size = await conn.read(buffer); size !== null; size = await conn.read(buffer)) {
      for (let sent = 0; sent < size;) sent += await conn.write(buffer.subarray(sent, size));
    }
  } catch {
    // The client is gone.
  }
  conn.close();
}

function ours(): Promise<void> {
  return tcpServer(async (stream) => {
    const buffer = new Uint8Array(BUFFER);
    for (let size = await stream.receiveInto(buffer); size !== null; size = await stream.receiveInto(buffer)) {
      await stream.sendAll(buffer.subarray(0, size));
    }
  }, {
    hostname: "127.0.0.1",
    port: 0,
    onHandlerError: () => {},
  })({ started: ([address]) => console.log(address.port) });
}

/** Clients of the benchmark of accepting come from many addresses, and so find this one under many. */
const ANY = "0.0.0.0";

async function bareAccept(): Promise<void> {
  const listener = Deno.listen({ hostname: ANY, port: 0 });
  console.log(listener.addr.port);
  for await (const conn of listener) conn.close();
}

function oursAccept(): Promise<void> {
  return tcpServer(() => {}, {
    hostname: ANY,
    port: 0,
  })({ started: ([address]) => console.log(address.port) });
}

const mode = Deno.args[0];
if (mode === "ours") run(ours);
else if (mode === "ours-watchdog") run(ours, { instruments: [new Watchdog()] });
else if (mode === "ours-trace") run(ours, { instruments: [new TraceRecorder()] });
else if (mode === "ours-monitor") {
  openMonitor();
  run(ours);
} else if (mode === "ours-accept") run(oursAccept);
else if (mode === "bare-accept") bareAccept();
else bare();
