/**
 * A client of NATS that lives in a nursery: the one from npm, unmodified.
 *
 * Its callbacks may wait, as they belong to the nursery and not to the timeout under which it was opened. It goes last,
 * also when everything is cancelled: the cleanup of the others can still publish. Its end drains it, for as long as NATS is
 * there to drain to; a server that is away must not turn a good end into a failure.
 */

import { connect, type NatsConnection } from "@nats-io/transport-node";
import { cancellable, currentTime, type Nursery, retry, shielded, type TaskStatus } from "@trefoil/io";

/** Options of `openNats()`. */
export interface NatsOptions {
  /** Where it is, `host:port`: 127.0.0.1:4222 by default. */
  readonly servers?: string;
  /** What it is called in the lists of the server. */
  readonly name?: string;
  /** How often the server is asked whether it is there, in milliseconds: 2,000 by default. After two silences it is not. */
  readonly pingInterval?: number;
  /** How long the last words may take when it ends, in milliseconds: 2,000 by default. */
  readonly drainTimeout?: number;
  /** Is told what happens to the connection. */
  readonly log?: (line: string) => void;
}

/** How long to wait before it connects again, in milliseconds. */
const PAUSE = 100;

/** Connects; returns when the server has answered. Tries until then, so put `failAfter()` around it. */
export function openNats(nursery: Nursery, options: NatsOptions = {}): Promise<NatsConnection> {
  return nursery.start<NatsConnection>((status) => live(options, status), { daemon: "last", name: "NATS" });
}

/** Options of `reply()`. */
export interface ReplyOptions<T> {
  /** What is waited for, in the task tree. */
  readonly label?: string;
  /** Is given what comes when nobody waits any more. */
  readonly onAbandoned?: (late: T) => unknown;
}

/** Waits for a promise of the client: what settles it comes over the network. A cancelled wait just goes. */
export function reply<T>(promise: Promise<T>, options: ReplyOptions<T> = {}): Promise<T> {
  return cancellable(promise, { label: "reply of NATS", settledBy: "network", ...options });
}

async function live(options: NatsOptions, status: TaskStatus<NatsConnection>): Promise<void> {
  const { pingInterval = 2_000, drainTimeout = 2_000, log = () => {} } = options;
  const nats = await retry(() => dial({ ...options, pingInterval }), {
    attempts: Infinity,
    backoff: () => PAUSE,
    retryIf: (error) => {
      log(`cannot connect to NATS: ${error instanceof Error ? error.message : error}`);
      return true;
    },
  });
  const events = nats.status();
  tell(events, log);
  status.started(nats);
  try {
    // It connects again by itself, for ever: it ends only if somebody closes it.
    await reply(nats.closed(), { label: "the end of NATS" });
  } finally {
    const begun = currentTime();
    const drained = await shielded(() => reply(nats.drain(), { label: "last words to NATS" }).catch(() => "lost"), {
      timeout: drainTimeout,
    });
    if (drained.cancelledCaught || drained.value === "lost") {
      log(`NATS was away at the end: gave up its last words after ${Math.round(currentTime() - begun)} ms`);
      await shielded(() => reply(nats.close()), { timeout: drainTimeout });
    }
  }
}

async function dial({ servers = "127.0.0.1:4222", name, pingInterval }: NatsOptions): Promise<NatsConnection> {
  const connecting = connect({
    servers,
    ...name === undefined ? undefined : { name },
    pingInterval: pingInterval!,
    maxReconnectAttempts: -1,
    reconnectDelayHandler: () => PAUSE,
    timeout: 2_000,
  });
  return await reply(connecting, { label: "connection to NATS", onAbandoned: (late) => late.close() });
}

/** In the background: nothing waits for it, and it ends with the connection. */
async function tell(events: AsyncIterable<{ readonly type: string }>, log: (line: string) => void): Promise<void> {
  for await (const { type } of events) if (type === "disconnect" || type === "reconnect") log(`NATS: ${type}`);
}
