// deno-lint-ignore-file no-console
/**
 * The client of the benchmark of accepting: connects until its time is up, and waits each time until the server has
 * closed the connection. Prints connections per second. Usage: port, connections at a time, milliseconds
 */

const [port, atATime, duration] = Deno.args.map(Number) as [number, number, number];
let done = 0;
let over = false;

async function connect(): Promise<void> {
  const buffer = new Uint8Array(1);
  while (!over) {
    // A port of this end cannot be used again for a minute with the same address: so many addresses.
    const hostname = `127.0.${done % 200}.${1 + Math.floor(done / 200) % 200}`;
    done++;
    using conn = await Deno.connect({ hostname, port });
    await conn.read(buffer);
  }
}

const all = Array.from({ length: atATime }, connect);
setTimeout(() => over = true, duration);
const start = performance.now();
await Promise.all(all);
console.log(JSON.stringify(done / (performance.now() - start) * 1_000));
