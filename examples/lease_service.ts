// deno-lint-ignore-file no-console
/**
 * A lock for several machines, which is a lease: it ends by itself, so that one that crashes does not hold it for ever.
 *
 * Run it: deno run --allow-net examples/lease_service.ts serve [port]
 *         deno run --allow-net examples/lease_service.ts work <name> [url]
 *
 * A holder that stands still (garbage, a laptop that is closed, a machine that is moved) does not know that its lease is
 * over, and works on beside the next one. No check before the work helps, as it may stand still right after it. So each
 * lease has a number, which goes up, and whatever the work writes to refuses a number lower than the last it has seen:
 * fencing. Reading counts as well: a late write that came between the next holder's read and its write would be lost, too.
 * The test finds both, by standing hosts still.
 */
import {
  currentTime,
  failAfter,
  fetch,
  httpServer,
  run,
  type ServeHttpOptions,
  type Server,
  sleep,
  type TcpAddress,
} from "@trefoil/io";

/** How long a lease lasts, in milliseconds. */
const LEASE = 1_000;
/** How long an answer may take, in milliseconds. */
const TIMEOUT = 500;

/** A right to work, for a while. */
export interface Lease {
  /** Higher than those of all leases before it. */
  readonly number: number;
}

/** Gives out leases, one at a time: `POST /acquire` and `POST /release?number=`. */
export function leaseServer(options: ServeHttpOptions): Server<TcpAddress> {
  let last = 0;
  let until = 0;
  return httpServer((request) => {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === "/release") {
      if (Number(searchParams.get("number")) === last) until = 0;
      return new Response();
    }
    if (currentTime() < until) return new Response("taken", { status: 409 });
    until = currentTime() + LEASE;
    return Response.json({ number: ++last } satisfies Lease);
  }, options);
}

/** Something that must be written by one at a time, such as a file on another machine. */
export function storageServer(options: ServeHttpOptions & { readonly fencing: boolean }): Server<TcpAddress> {
  const { fencing, ...where } = options;
  let text = "";
  let highest = 0;
  return httpServer(async (request) => {
    const number = Number(request.headers.get("x-lease"));
    if (fencing && number < highest) return new Response("your lease is over", { status: 412 });
    highest = Math.max(highest, number);
    if (request.method === "GET") return new Response(text);
    text = await request.text();
    return new Response();
  }, where);
}

/** Waits for a lease. */
export async function acquire(url: string): Promise<Lease> {
  while (true) {
    const response = await failAfter(TIMEOUT, () => fetch(`${url}acquire`, { method: "POST" }));
    if (response.ok) return await response.json();
    await response.body?.cancel();
    await sleep(100);
  }
}

/** Adds a word to what is stored, under a lease; `false` if the lease was over before that. */
export async function append(leases: string, storage: string, word: string): Promise<boolean> {
  const { number } = await acquire(leases);
  const headers = { "x-lease": String(number) };
  const before = await failAfter(TIMEOUT, async () => await (await fetch(storage, { headers })).text());
  await sleep(200); // stands for the work
  const response = await failAfter(
    TIMEOUT,
    () => fetch(storage, { method: "PUT", body: `${before} ${word}`.trim(), headers }),
  );
  await response.body?.cancel();
  await failAfter(
    TIMEOUT,
    async () => await (await fetch(`${leases}release?number=${number}`, { method: "POST" })).text(),
  );
  return response.ok;
}

if (import.meta.main) {
  const [what, first, url = "http://127.0.0.1:8000/"] = Deno.args;
  if (what === "serve") await run(() => leaseServer({ port: Number(first ?? 8000) })());
  else {
    await run(async () => {
      const { number } = await acquire(url);
      console.log(`${first ?? "nobody"} has lease ${number} for ${LEASE} ms`);
    });
  }
}
