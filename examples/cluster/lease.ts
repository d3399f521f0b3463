// deno-lint-ignore-file no-console
/**
 * One leader among several processes: a lease, kept as a key that goes away by itself.
 *
 * Run it: deno run -A examples/cluster/lease.ts; any number of these, on any machines
 *
 * Whoever makes the key leads, and renews it. The work runs under a deadline, which each renewal moves on: it is up before the
 * key is. So a leader that cannot renew, as it is cut off or stands still, stops before another one begins. Clocks may differ,
 * as only lengths of time count here; they must not run much faster or slower than that of the server.
 *
 * What is on its way when the deadline comes cannot be called back. So each time of office has a number, which goes up, and
 * whatever the work writes to should refuse numbers lower than the last it has seen.
 */
import { type KV, Kvm } from "@nats-io/kv";
import { JetStreamApiError } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import {
  type CancelScope,
  currentTime,
  failAfter,
  isCancelled,
  moveOnAt,
  openNursery,
  retry,
  run,
  shielded,
  shutdownRequested,
  sleep,
  untilShutdown,
} from "@trefoil/io";
import { type NatsOptions, openNats, reply } from "./_nats.ts";

/** Options of `lead()`. */
export interface LeadOptions {
  /** What is led: those that name the same compete. */
  readonly name: string;
  /** How long nothing may be heard of a leader before another one takes over, in milliseconds: 1,500 by default. */
  readonly ttl?: number;
  /** Is told what happens. */
  readonly log?: (line: string) => void;
}

/**
 * Competes to lead, and runs `body` whenever it does, until a shutdown. `body` gets the number of its time of office; it is
 * cancelled when that is over. It should return when a shutdown is requested: then the next one takes over at once.
 */
export async function lead(
  nats: NatsConnection,
  body: (term: number) => unknown,
  { name, ttl = 1_500, log = () => {} }: LeadOptions,
): Promise<void> {
  const me: string = crypto.randomUUID();
  const leases = await retry(() => reply(new Kvm(nats).create(`leases-${ttl}`, { ttl })), {
    attempts: Infinity,
    backoff: { initial: 100, max: 1_000 },
  });
  while (!shutdownRequested()) {
    const asked = currentTime();
    const term = await take(leases, name, { me, ttl });
    if (term === null) {
      await untilShutdown(() => sleep(ttl / 20));
      continue;
    }
    log(`leads, term ${term}`);
    try {
      await moveOnAt(endOf(asked, ttl), (scope) =>
        openNursery(async (nursery) => {
          nursery.startSoon(() => renew(leases, { name, me, ttl, term, scope }), { daemon: true, name: "renewal" });
          await body(term);
        }, { name: `leader ${name}` }));
    } finally {
      await shielded(() => giveBack(leases, name, me), { timeout: ttl });
      log(`leads no more, term ${term}`);
    }
  }
}

/** Until when a lease holds that was asked for at a time: a little less than the server says, whose clock may be faster. */
function endOf(asked: number, ttl: number): number {
  return asked + ttl * 0.9;
}

/** Takes the lease; gives the number of the term, or `null` if another one has it, or the server does not answer. */
async function take(leases: KV, name: string, { me, ttl }: { me: string; ttl: number }): Promise<number | null> {
  try {
    // Under a shield: whether we have it must be known.
    const taken = await shielded(() => reply(leases.create(name, me)), { timeout: ttl / 2 });
    return taken.value ?? null;
  } catch (error) {
    return passing(error);
  }
}

interface Term {
  readonly name: string;
  readonly me: string;
  readonly ttl: number;
  readonly term: number;
  readonly scope: CancelScope;
}

/** Keeps the lease, and moves the deadline of the work on. Ends the work if the lease is another one's. */
async function renew(leases: KV, { name, me, ttl, term, scope }: Term): Promise<void> {
  let revision = term;
  while (true) {
    await sleep(ttl / 4);
    const asked = currentTime();
    try {
      revision = await failAfter(ttl / 4, () => reply(leases.update(name, me, revision)));
      scope.deadline = endOf(asked, ttl);
    } catch (error) {
      if (isCancelled(error)) throw error;
      if (!(error instanceof JetStreamApiError)) {
        // It may have been renewed all the same: asks, instead of guessing.
        const entry = await failAfter(ttl / 4, () => reply(leases.get(name))).catch(passing);
        if (entry?.string() === me) revision = entry.revision;
        continue;
      }
      return scope.cancel("the lease is another one's");
    }
  }
}

/** Asked in vain. */
function passing(error: unknown): null {
  if (isCancelled(error)) throw error;
  return null;
}

/** Gives the lease back, if it is ours: also if a renewal was under way, which came before this. */
async function giveBack(leases: KV, name: string, me: string): Promise<void> {
  try {
    const entry = await reply(leases.get(name));
    if (entry?.string() === me && entry.operation === "PUT") {
      await reply(leases.delete(name, { previousSeq: entry.revision }));
    }
  } catch (error) {
    // It is another one's, or the server is away: then time gives it back.
    passing(error);
  }
}

/** A process that leads if it can, and says a step each `every` milliseconds. */
export async function leaderProcess(
  options: NatsOptions & LeadOptions,
  step: (term: number) => void,
  every = 50,
): Promise<void> {
  await openNursery(async (nursery) => {
    const nats = await openNats(nursery, options);
    await lead(nats, async (term) => {
      while (!shutdownRequested()) {
        step(term);
        await untilShutdown(() => sleep(every));
      }
    }, options);
  });
}

if (import.meta.main) {
  const options = { name: Deno.args[0] ?? "example", servers: Deno.env.get("NATS") ?? "127.0.0.1:4222" };
  await run(() => leaderProcess({ ...options, log: console.error }, (term) => console.log(`${Date.now()} ${term}`)), {
    grace: 3_000,
  });
}
