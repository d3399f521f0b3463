/** Certificates for tests, made by the command `openssl` and kept nowhere. */

/** What a server and its client need. All texts are PEM. */
export interface Certificates {
  /** The authority. */
  readonly ca: string;
  /** A certificate for `localhost` and `127.0.0.1`, by that authority. */
  readonly cert: string;
  /** Its key. */
  readonly key: string;
  /** A key of another certificate. */
  readonly otherKey: string;
  /** The key, encrypted. */
  readonly lockedKey: string;
}

const NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

/** Makes certificates that hold for a day; `null`, with a line that says so, where there is no `openssl`. */
export async function makeCertificates(): Promise<Certificates | null> {
  const dir = await Deno.makeTempDir({ prefix: "trefoil_tls_" });
  const openssl = async (...args: string[]): Promise<void> => {
    const { success, stderr } = await new Deno.Command("openssl", { args, cwd: dir, stdout: "null" }).output();
    if (!success) throw new Error(`Cannot make certificates as openssl failed: ${new TextDecoder().decode(stderr)}`);
  };
  try {
    await openssl(
      "req",
      "-x509",
      ...NEW_KEY,
      "-keyout",
      "ca.key",
      "-out",
      "ca.pem",
      "-days",
      "1",
      "-subj",
      "/CN=Test CA",
    );
    await openssl("req", ...NEW_KEY, "-keyout", "leaf.key", "-out", "leaf.csr", "-subj", "/CN=localhost");
    await Deno.writeTextFile(`${dir}/ext`, "subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n");
    await openssl(
      ...["x509", "-req", "-in", "leaf.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"],
      ...["-out", "leaf.pem", "-days", "1", "-extfile", "ext"],
    );
    await openssl("pkcs8", "-topk8", "-in", "leaf.key", "-out", "locked.key", "-passout", "pass:secret");
    const [ca, cert, key, otherKey, lockedKey] = await Promise.all(
      ["ca.pem", "leaf.pem", "leaf.key", "ca.key", "locked.key"].map((name) => Deno.readTextFile(`${dir}/${name}`)),
    ) as [string, string, string, string, string];
    return { ca, cert, key, otherKey, lockedKey };
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    // deno-lint-ignore no-console -- a skipped test must not be silent
    console.error('Skipped the tests of TLS as there is no command "openssl": install it');
    return null;
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}
