import { assertEquals, assertRejects } from "@std/assert";
import { hostOperation } from "../../core/lowlevel.ts";
import { decoder, HERE, patient, withServer } from "../_fixtures/http.ts";
import { makeCertificates } from "../_fixtures/make_certificates.ts";
import { fetch, serveHttp } from "../mod.ts";

Deno.test("serveHttp() with a certificate serves HTTPS", async () => {
  const certificates = await makeCertificates();
  if (certificates === null) return;
  const { ca, cert, key, otherKey } = certificates;
  await withServer(() => new Response("secret"), { cert, key }, async (url) => {
    using client = Deno.createHttpClient({ caCerts: [ca] });
    const response = await fetch(url.replace("http:", "https:"), { client } as RequestInit);
    assertEquals(await response.text(), "secret");
  });
  await assertRejects(
    () => serveHttp(() => new Response(), { ...HERE, cert, key: otherKey }),
    RangeError,
    'Cannot serve as "cert" and "key" must be a certificate and its key: ',
  );
  await assertRejects(
    () => serveHttp(() => new Response(), { ...HERE, cert }),
    TypeError,
    'Cannot serve as either "cert" and "key" or "certFile" and "keyFile" must be given: received "cert"',
  );
});

/** Runs curl, if there is one. */
async function curl(...args: string[]): Promise<{ code: number; stdout: string } | null> {
  try {
    const command = new Deno.Command("curl", { args: ["--silent", "--show-error", ...args], stderr: "piped" });
    const { code, stdout } = await hostOperation("curl", command.output());
    return { code, stdout: decoder.decode(stdout) };
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    // deno-lint-ignore no-console -- a skipped test must not be silent
    console.error('Skipped a test of HTTP with another client as there is no command "curl": install it');
    return null;
  }
}

Deno.test("curl: several requests over one connection", async () => {
  const peers = new Set<number>();
  await withServer(
    async (request, info) => {
      peers.add(info.remoteAddress.port);
      return new Response(`${request.method} ${await request.text()}\n`);
    },
    {},
    async (url) => {
      const result = await curl(
        "--data",
        "a",
        url,
        "--next",
        "--silent",
        url,
        "--next",
        "--silent",
        "--data",
        "b",
        url,
      );
      if (result === null) return;
      assertEquals(result, { code: 0, stdout: "POST a\nGET \nPOST b\n" });
      assertEquals(peers.size, 1);
    },
  );
});

Deno.test("curl: a client that gives up early", async () => {
  const { handler, ended } = patient();
  await withServer(handler, {}, async (url) => {
    const result = await curl("--max-time", "0.2", url);
    if (result === null) return;
    assertEquals(result.code, 28);
    await ended.wait();
  });
});
