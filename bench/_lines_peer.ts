// deno-lint-ignore-file no-console
/**
 * The sender of the benchmark of lines: prints its port, and sends a text to every connection. Usage: megabytes, kind
 */

/** Sent again and again. */
const BLOCK = 1024 * 1024;

const [megabytes, kind] = Deno.args as [string, "ascii" | "unicode"];
const block = new TextEncoder().encode(text(kind));
const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
console.log(listener.addr.port);
for await (const conn of listener) send(conn);

async function send(conn: Deno.TcpConn): Promise<void> {
  try {
    for (let left = Number(megabytes); left > 0; left--) {
      for (let sent = 0; sent < block.length;) sent += await conn.write(block.subarray(sent));
    }
  } catch {
    // The reader is gone.
  }
  conn.close();
}

/** Lines of 0 to 79 characters, the same every time; some with characters beyond Latin-1. */
function text(kind: "ascii" | "unicode"): string {
  const words = "the quick brown fox jumps over the lazy dog while nobody is looking at it from the other side";
  const lines: string[] = [];
  let size = 0;
  for (let n = 0; size < BLOCK; n = (n * 48_271 + 11) % 2_147_483_647) {
    const line = words.slice(0, n % 80) + (kind === "unicode" && n % 4 === 0 ? " → ü" : "");
    lines.push(line);
    size += line.length + 1;
  }
  return `${lines.join("\n")}\n`;
}
