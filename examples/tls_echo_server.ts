// deno-lint-ignore-file no-console
/**
 * An echo server over TLS. Ctrl-C ends it.
 *
 * Make a certificate for this machine, which holds for a day:
 *   openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -keyout key.pem -out cert.pem \
 *     -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE
 * Run it: deno run --allow-net --allow-read examples/tls_echo_server.ts cert.pem key.pem [port]
 * Talk to it: examples/tls_echo_client.ts cert.pem, or openssl s_client -connect 127.0.0.1:8443 -CAfile cert.pem
 */
import { run, type Server, type ServeTlsOptions, type TcpAddress, tlsServer, type TlsStream } from "@trefoil/io";

/** One connection. Its handshake is done: a client that is silent, or does not speak TLS, never gets here. */
async function echo(stream: TlsStream): Promise<void> {
  for await (const chunk of stream) await stream.sendAll(chunk);
}

/** Clients that fail, in the handshake or after it, are reported and do not end the server. */
export function tlsEchoServer(options: ServeTlsOptions): Server<TcpAddress> {
  return tlsServer(echo, {
    handshakeTimeout: 5_000,
    onHandshakeError: (error) => console.error(`a client was turned away: ${error}`),
    onHandlerError: (error) => console.error(`a connection failed: ${error}`),
    ...options,
  });
}

if (import.meta.main) {
  const [certFile, keyFile, port = "8443"] = Deno.args;
  if (certFile === undefined || keyFile === undefined) {
    console.error("usage: tls_echo_server.ts cert.pem key.pem [port]");
    Deno.exit(2);
  }
  const server = tlsEchoServer({ certFile, keyFile, port: Number(port) });
  run(() =>
    server({ started: ([address]) => console.log(`echoing over TLS on port ${address.port}, Ctrl-C to stop`) })
  );
}
