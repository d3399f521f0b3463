// deno-lint-ignore-file no-console
/**
 * Requests to services, of which there are several each: a shop asks the stock, which asks the prices.
 *
 * Run it: deno run -A examples/cluster/rpc.ts serve stock; the same with prices; any number of each, on any machines
 *         deno run -A examples/cluster/rpc.ts ask apples
 *
 * Whoever asks says how long it will wait, as what is left: clocks differ. The callee works under that deadline, and so does
 * whoever it asks: when the caller gives up, all of them do, as far away as they are. A service that is told to end takes
 * no new requests, and finishes those it has. One that dies costs the requests that it had: their deadline ends them, and
 * whoever may ask again does.
 */
import { headers, type Msg, type NatsConnection } from "@nats-io/transport-node";
import {
  CapacityLimiter,
  failAfter,
  isCancelled,
  moveOnAfter,
  openNursery,
  run,
  sleep,
  timeLeft,
  TooSlowError,
  untilShutdown,
  withTimeLeft,
} from "@trefoil/io";
import { type NatsOptions, openNats, reply } from "./_nats.ts";

/** What a service says if it could not do what it was asked. */
export class RemoteError extends Error {
  override name = "RemoteError";
}

/** What a service does. */
export type Handler = (question: string) => string | Promise<string>;

/** How a service is told how long its answer is waited for, in milliseconds. */
const TIME_LEFT = "Time-Left";
/** How a service says that it failed, and why. */
const FAILED = "Failed";
/** How many requests a service has at a time, at most. */
const AT_A_TIME = 64;
/** How long a request is waited for if there is no deadline around it, in milliseconds. */
const PATIENCE = 10_000;

/** Asks a service. A timeout around it ends the wait here, and the work there. */
export async function ask(nats: NatsConnection, service: string, question: string): Promise<string> {
  const ms = Math.min(Math.ceil(timeLeft()), PATIENCE);
  // No time for an answer: nothing is asked.
  if (ms === 0) return await failAfter(0, () => sleep(1)) as never;
  const said = headers();
  said.set(TIME_LEFT, String(ms));
  // The client keeps an entry for its own timeout: a little longer than ours, so that the error is ours.
  const asked = nats.request(`services.${service}`, question, { headers: said, timeout: ms + 1_000 });
  const answer = await failAfter(ms, () => reply(asked, { label: `answer of ${service}` }));
  const failure = answer.headers?.get(FAILED);
  if (failure) throw new RemoteError(failure);
  return answer.string();
}

/** Answers requests until a shutdown: takes no more then, and finishes those it has. */
export async function serve(nats: NatsConnection, service: string, handler: Handler): Promise<void> {
  const limiter = new CapacityLimiter(AT_A_TIME, { name: service });
  await openNursery(async (nursery) => {
    const subscription = nats.subscribe(`services.${service}`, {
      queue: service,
      // A task from the moment it comes: what it waits for its turn is of its time, too.
      callback: (_error, request) =>
        void nursery.startSoon(() =>
          answer(request, async (question) => {
            using _turn = await limiter.acquire();
            return await handler(question);
          }), { name: service }),
    });
    try {
      await untilShutdown(() => reply(subscription.closed, { label: "the end of requests" }));
      // What the server has sent us already comes before the end of this. It may be away.
      await moveOnAfter(1_000, () => reply(subscription.drain().catch(() => {}), { label: "the last requests" }));
    } finally {
      subscription.unsubscribe();
    }
  }, { name: `service ${service}` });
}

async function answer(request: Msg, handler: Handler): Promise<void> {
  const said = headers();
  let text = "";
  try {
    text = await withTimeLeft(request.headers?.get(TIME_LEFT) || null, () => handler(request.string()));
  } catch (error) {
    // Nobody waits any more.
    if (error instanceof TooSlowError) return;
    if (isCancelled(error)) throw error;
    // In a line: a header has no more.
    said.set(FAILED, String(error instanceof Error ? error.message : error).replaceAll(/\s+/g, " "));
  }
  request.respond(text, { headers: said });
}

/** What the programs do, by their names. */
export const SERVICES: Record<string, (nats: NatsConnection) => Handler> = {
  prices: () => async (what) => {
    await sleep(5);
    if (what === "gold") throw new RangeError(`Cannot tell the price as it must be food: ${what}`);
    return String(what.length);
  },
  stock: (nats) => async (what) => `7 ${what}, ${await ask(nats, "prices", what)} each`,
};

/** A process that serves. */
export async function serviceProcess(service: string, options: NatsOptions, ready = () => {}): Promise<void> {
  await openNursery(async (nursery) => {
    const nats = await openNats(nursery, { name: service, ...options });
    const handler = SERVICES[service];
    if (handler === undefined) throw new RangeError(`Cannot serve as there must be such a service: ${service}`);
    nursery.startSoon(() => serve(nats, service, handler(nats)));
    await reply(nats.flush());
    ready();
  });
}

if (import.meta.main) {
  const [what = "ask", name = "apples"] = Deno.args;
  const servers = Deno.env.get("NATS") ?? "127.0.0.1:4222";
  await run(async () => {
    if (what === "serve") {
      return await serviceProcess(name, { servers, log: console.error }, () => console.log("ready"));
    }
    await openNursery(async (nursery) => {
      const nats = await openNats(nursery, { servers });
      console.log(await failAfter(1_000, () => ask(nats, "stock", name)));
    });
  }, { grace: 5_000 });
}
