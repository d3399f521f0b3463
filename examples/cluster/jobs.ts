// deno-lint-ignore-file no-console
/**
 * Jobs that are done, whatever dies: a work queue on JetStream.
 *
 * Run it: deno run -A examples/cluster/jobs.ts work; any number of these, on any machines
 *         deno run -A examples/cluster/jobs.ts add 1000
 *
 * A job stays in the queue until a worker has said that it is done; a worker that dies says nothing, so another one gets it
 * after a while. So a job may run twice, and its effect must not happen twice: here the effect is a message `done.<id>`, of
 * which the first one wins, as it is the key that must be new. A job that fails is tried again, later each time, and in the
 * end put aside, where somebody can look at it.
 */
import {
  AckPolicy,
  type Consumer,
  jetstream,
  JetStreamApiCodes,
  JetStreamApiError,
  jetstreamManager,
  type JsMsg,
  RetentionPolicy,
} from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { failAfter, isCancelled, openNursery, retry, run, shutdownRequested, sleep, untilShutdown } from "@trefoil/io";
import { type NatsOptions, openNats, reply } from "./_nats.ts";

/** A job. */
export interface Job {
  readonly id: string;
  readonly text: string;
}

/** Options of `work()`. */
export interface WorkOptions {
  /** How many jobs at a time: 16 by default. */
  readonly concurrency?: number;
  /** How long a job may take, in milliseconds: 60,000 by default. */
  readonly timeout?: number;
  /** How often a job is tried: 5 times by default. */
  readonly attempts?: number;
  /** How long to wait before it is tried again, in milliseconds, the first time: 200 by default, then twice as long. */
  readonly backoff?: number;
  /** Is told what goes wrong. */
  readonly log?: (line: string) => void;
}

/** How long nothing may be heard of a worker before its job goes to another one, in milliseconds. */
const ACK_WAIT = 3_000;
/** A breath after something went wrong with the server, in milliseconds. */
const BREATH = 200;
const nanos = (ms: number) => ms * 1_000_000;

/** Makes the queue, and where its jobs end up, if they are not there. Waits until the server is. */
export async function openQueue(nats: NatsConnection): Promise<void> {
  await untilItWorks(async () => {
    const manager = await jetstreamManager(nats);
    await manager.streams.add({ name: "JOBS", subjects: ["jobs.*"], retention: RetentionPolicy.Workqueue });
    await manager.streams.add({ name: "DONE", subjects: ["done.*"] });
    await manager.streams.add({ name: "DEAD", subjects: ["dead.*"] });
    const worker = { durable_name: "worker", ack_policy: AckPolicy.Explicit, ack_wait: nanos(ACK_WAIT) };
    await manager.consumers.add("JOBS", { ...worker, max_ack_pending: 10_000 });
  });
}

/** Adds a job: when this returns, it will be done. With the same id it is the same job. */
export async function addJob(nats: NatsConnection, { id, text }: Job): Promise<void> {
  await untilItWorks(() => jetstream(nats).publish(`jobs.${id}`, JSON.stringify({ id, text }), { msgID: id }));
}

/** Does jobs until a shutdown: takes no more then, and finishes those it has. */
export async function work(
  nats: NatsConnection,
  handler: (job: Job) => string | Promise<string>,
  options: WorkOptions = {},
): Promise<void> {
  const { concurrency = 16, log = () => {} } = options;
  await openQueue(nats);
  await openNursery((nursery) => {
    for (let n = 0; n < concurrency; n++) {
      nursery.startSoon(async () => {
        const consumer = await untilItWorks(() => jetstream(nats).consumers.get("JOBS", "worker"));
        while (!shutdownRequested()) {
          try {
            const next = await untilShutdown(() => nextJob(consumer));
            if (next.value) await doJob(nats, next.value, { handler, ...options });
          } catch (error) {
            if (isCancelled(error)) throw error;
            // Of the server. What was not confirmed comes again.
            log(`worker ${n}: ${error}`);
            await sleep(BREATH);
          }
        }
      }, { name: `worker ${n}` });
    }
  }, { name: "workers" });
}

/** One job. If it comes too late, as we have stopped waiting, it goes back. */
function nextJob(consumer: Consumer): Promise<JsMsg | null> {
  const asked = consumer.next({ expires: 5_000 });
  return reply(asked, { label: "next job", onAbandoned: (late) => late?.nak() });
}

interface DoOptions extends WorkOptions {
  readonly handler: (job: Job) => string | Promise<string>;
}

async function doJob(nats: NatsConnection, message: JsMsg, options: DoOptions): Promise<void> {
  const { handler, timeout = 60_000, attempts = 5, backoff = 200, log = () => {} } = options;
  const id = message.subject.slice("jobs.".length);
  const { deliveryCount } = message.info;
  let failure: unknown = null;
  let result = "";
  await openNursery(async (nursery) => {
    nursery.startSoon(() => stayAlive(message), { daemon: true });
    try {
      // One that takes its worker with it fails without a word.
      if (deliveryCount > attempts) throw new Error("Cannot try again as its workers have died of it");
      const job = JSON.parse(message.string()) as Job;
      result = await failAfter(timeout, () => handler(job));
    } catch (error) {
      if (isCancelled(error)) throw error;
      failure = error;
    }
    if (failure === null) await once(nats, `done.${id}`, result);
    else if (deliveryCount >= attempts) await once(nats, `dead.${id}`, `${failure} ${message.string()}`);
  }, { name: `job ${id}` });
  if (failure === null) message.ack();
  else if (deliveryCount >= attempts) {
    log(`job ${id} is given up: ${failure}`);
    message.term();
  } else message.nak(backoff * 2 ** (deliveryCount - 1));
}

/** Says that the job is still being done. */
async function stayAlive(message: JsMsg): Promise<never> {
  while (true) {
    await sleep(ACK_WAIT / 3);
    message.working();
  }
}

/** Publishes something, unless somebody has. */
async function once(nats: NatsConnection, subject: string, text: string): Promise<void> {
  await untilItWorks(() => jetstream(nats).publish(subject, text, { expect: { lastSubjectSequence: 0 } }))
    .catch((error) => {
      if (!isTaken(error)) throw error;
    });
}

function isTaken(error: unknown): boolean {
  return error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamWrongLastSequence;
}

/** Asks the server until it answers: it may be away for a while. */
function untilItWorks<T>(fn: () => Promise<T>): Promise<T> {
  return retry(() => reply(fn()), {
    attempts: Infinity,
    backoff: { initial: BREATH, max: 2_000 },
    retryIf: (error) => !(error instanceof JetStreamApiError),
  });
}

/** What the program does with a job. */
export async function upperCase({ text }: Job): Promise<string> {
  await sleep(text.startsWith("slow") ? 200 : 20);
  if (text.startsWith("bad")) throw new Error(`Cannot do the job as its text must be good: ${text}`);
  return text.toUpperCase();
}

/** A process that works. */
export async function workerProcess(options: NatsOptions & WorkOptions, ready = () => {}): Promise<void> {
  await openNursery(async (nursery) => {
    const nats = await openNats(nursery, options);
    ready();
    await work(nats, upperCase, options);
  });
}

if (import.meta.main) {
  const [what = "work", count = "10"] = Deno.args;
  const options = { servers: Deno.env.get("NATS") ?? "127.0.0.1:4222", log: console.error };
  await run(async () => {
    if (what === "work") return await workerProcess(options, () => console.log("ready"));
    await openNursery(async (nursery) => {
      const nats = await openNats(nursery, options);
      await openQueue(nats);
      for (let n = 1; n <= Number(count); n++) await addJob(nats, { id: `${n}`, text: `job ${n}` });
    });
  }, { grace: 10_000 });
}
