// deno-lint-ignore-file no-console
/**
 * An echo server: sends every byte back. Ctrl-C ends it.
 *
 * Run it: deno run --allow-net examples/echo_server.ts [port]
 * Talk to it: nc 127.0.0.1 8000, or examples/echo_client.ts
 */
import { run, type Server, type ServeTcpOptions, type SocketStream, type TcpAddress, tcpServer } from "@trefoil/io";

/** One connection: returns when the client has sent everything, and then the stream is closed. */
async function echo(stream: SocketStream): Promise<void> {
  // One buffer for the connection, used again and again: nothing is copied.
  const buffer = new Uint8Array(64 * 1024);
  for (let size = await stream.receiveInto(buffer); size !== null; size = await stream.receiveInto(buffer)) {
    await stream.sendAll(buffer.subarray(0, size));
  }
}

/** A client that breaks its connection is reported and does not end the server. */
export function echoServer(options: ServeTcpOptions): Server<TcpAddress> {
  return tcpServer(echo, {
    onHandlerError: (error) => console.error(`a connection failed: ${error}`),
    ...options,
  });
}

if (import.meta.main) {
  const server = echoServer({ port: Number(Deno.args[0] ?? 8000) });
  run(() => server({ started: ([address]) => console.log(`echoing on port ${address.port}, Ctrl-C to stop`) }));
}
