// deno-lint-ignore-file no-console
/**
 * The client of the echo benchmark: prints messages per second and in all, and the time in microseconds within which 99
 * in 100 were back. Usage: port, bytes, connections, milliseconds
 */

const [port, size, connections, duration] = Deno.args.map(Number) as [number, number, number, number];
const message = new Uint8Array(size);
const times: number[] = [];
let over = false;

async function talk(conn: Deno.TcpConn): Promise<void> {
  const buffer = new Uint8Array(size);
  while (!over) {
    const sent = performance.now();
    await Promise.all([send(conn), receive(conn, buffer)]);
    times.push(performance.now() - sent);
  }
  conn.close();
}

async function send(conn: Deno.Conn): Promise<void> {
  for (let sent = 0; sent < size;) sent += await conn.write(sent === 0 ? message : message.subarray(sent));
}

async function receive(conn: Deno.Conn, buffer: Uint8Array): Promise<void> {
  for (let got = 0; got < size;) got += await conn.read(buffer) ?? Infinity;
}

const conns = await Promise.all(
  Array.from({ length: connections }, () => Deno.connect({ hostname: "127.0.0.1", port })),
);
for (const conn of conns) conn.setNoDelay(true);
setTimeout(() => over = true, duration);
const start = performance.now();
await Promise.all(conns.map(talk));
const rate = times.length / (performance.now() - start) * 1_000;
times.sort((a, b) => a - b);
console.log(JSON.stringify({ rate, p99: times[Math.floor(times.length * 0.99)]! * 1_000, messages: times.length }));
