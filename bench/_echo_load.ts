// deno-lint-ignore-file no-console
/** The client of the echo benchmark: prints messages per second. Usage: port, bytes, connections, milliseconds */

const [port, size, connections, duration] = Deno.args.map(Number) as [number, number, number, number];
const message = new Uint8Array(size);
let done = 0;
let over = false;

async function talk(): Promise<void> {
  using conn = await Deno.connect({ hostname: "127.0.0.1", port });
  conn.setNoDelay(true);
  const buffer = new Uint8Array(size);
  while (!over) {
    await Promise.all([send(conn), receive(conn, buffer)]);
    done++;
  }
}

async function send(conn: Deno.Conn): Promise<void> {
  for (let sent = 0; sent < size;) sent += await conn.write(sent === 0 ? message : message.subarray(sent));
}

async function receive(conn: Deno.Conn, buffer: Uint8Array): Promise<void> {
  for (let got = 0; got < size;) got += await conn.read(buffer) ?? Infinity;
}

const all = Array.from({ length: connections }, talk);
setTimeout(() => over = true, duration);
const start = performance.now();
await Promise.all(all);
console.log(done / (performance.now() - start) * 1_000);
