// deno-lint-ignore-file no-console
/**
 * The clients of the benchmark of broadcasts: one sends, and when all have got it, again. Prints how many deliveries
 * there were. Usage: port, clients, milliseconds
 */

const [port, clients, duration] = Deno.args.map(Number) as [number, number, number];
const message = "x".repeat(64);
let missing = 0;
let deliveries = 0;
let all: (() => void) | undefined;

async function connect(): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/`);
  await new Promise((resolve) => socket.onopen = resolve);
  socket.onmessage = () => {
    deliveries++;
    if (--missing === 0) all!();
  };
  return socket;
}

const sockets: WebSocket[] = [];
while (sockets.length < clients) sockets.push(...await Promise.all(Array.from({ length: 50 }, connect)));
await new Promise((resolve) => setTimeout(resolve, 100));
const end = performance.now() + duration;
while (performance.now() < end) {
  missing = clients;
  const done = new Promise<void>((resolve) => all = resolve);
  sockets[0]!.send(message);
  await done;
}
console.log(JSON.stringify(deliveries));
Deno.exit();
