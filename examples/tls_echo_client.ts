// deno-lint-ignore-file no-console
/**
 * A client of the TLS echo server: trusts the certificate it is given besides those the system trusts, sends some
 * lines, and fails if the answer takes too long.
 *
 * Run it: deno run --allow-net --allow-read examples/tls_echo_client.ts cert.pem [port] [hostname]
 */
import { failAfter, openNursery, openTlsStream, type OpenTlsStreamOptions, run } from "@trefoil/io";

/** The server to talk to, and whom to trust. */
export interface TlsEchoOptions extends OpenTlsStreamOptions {
  /** @default {"localhost"} */
  readonly hostname?: string;
  readonly port: number;
}

/** Sends some lines and returns what came back. */
export async function tlsEchoClient(lines: readonly string[], options: TlsEchoOptions): Promise<string> {
  const { hostname = "localhost", port, ...tls } = options;
  return await failAfter(10_000, async () => {
    // When this returns, the server has proved that it is who it was asked for.
    await using stream = await openTlsStream(hostname, port, tls);
    let answer = "";
    await openNursery((nursery) => {
      nursery.startSoon(async function send() {
        for (const line of lines) await stream.sendAll(new TextEncoder().encode(`${line}\n`));
        // Tells the server that this was all; it sends back what is left, and closes.
        await stream.sendEof();
      });
      nursery.startSoon(async function receive() {
        const decoder = new TextDecoder();
        for await (const chunk of stream) answer += decoder.decode(chunk, { stream: true });
      });
    });
    return answer;
  });
}

if (import.meta.main) {
  const [certFile, port = "8443", hostname = "localhost"] = Deno.args;
  if (certFile === undefined) {
    console.error("usage: tls_echo_client.ts cert.pem [port] [hostname]");
    Deno.exit(2);
  }
  const caCerts = [Deno.readTextFileSync(certFile)];
  run(async () => console.log(await tlsEchoClient(["hello", "goodbye"], { hostname, port: Number(port), caCerts })));
}
