// deno-lint-ignore-file no-console
/**
 * A TCP proxy: passes every connection on to another server, both ways, and counts the bytes. Ctrl-C ends it.
 *
 * Run it: deno run --allow-net examples/tcp_proxy.ts [port] [target hostname] [target port]
 * Try it: examples/echo_server.ts in one terminal, this in another, and then examples/echo_client.ts 8001
 */
import {
  failAfter,
  openTcpStream,
  proxy,
  run,
  type Server,
  type ServeTcpOptions,
  type SocketStream,
  type TcpAddress,
  tcpServer,
} from "@trefoil/io";

/** How long the target may take to accept a connection, in milliseconds. */
const CONNECT_TIMEOUT = 10_000;
/** How many connections are served at a time; each one is two open files. */
const MAX_CONNECTIONS = 500;

/** Where connections are passed on to, and who hears of them. */
export interface ProxyTarget {
  readonly hostname: string;
  readonly port: number;
  /** Told when a connection has ended well. */
  readonly report?: (line: string) => void;
}

/** A target that is down, or a connection that breaks, is reported and ends nothing else. */
export function tcpProxy(target: ProxyTarget, options: ServeTcpOptions): Server<TcpAddress> {
  const { hostname, port, report = console.log } = target;

  async function passOn(client: SocketStream): Promise<void> {
    const server = await failAfter(CONNECT_TIMEOUT, () => openTcpStream(hostname, port));
    // The end of one direction is passed on while the other goes on; both streams are closed when it returns or throws.
    const { aToB, bToA } = await proxy(client, server);
    report(`port ${client.remoteAddress.port}: ${aToB} bytes there, ${bToA} bytes back`);
  }

  return tcpServer(passOn, {
    maxConnections: MAX_CONNECTIONS,
    onHandlerError: (error) => console.error(`a connection failed: ${error}`),
    ...options,
  });
}

if (import.meta.main) {
  const [port = "8001", hostname = "127.0.0.1", targetPort = "8000"] = Deno.args;
  const server = tcpProxy({ hostname, port: Number(targetPort) }, { port: Number(port) });
  const started = ([address]: readonly [TcpAddress, ...TcpAddress[]]) =>
    console.log(`port ${address.port} leads to ${hostname}:${targetPort}, Ctrl-C to stop`);
  run(() => server({ started }));
}
