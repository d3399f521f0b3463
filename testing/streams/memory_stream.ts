/** Streams in memory: two ends of a connection without a network. */

import { requireFunction, requireText } from "../../core/internal.ts";
import { currentRun } from "../../core/lowlevel.ts";
import type { HalfCloseableStream, ReceiveStream, SendStream, TextSender } from "../../net/mod.ts";
import { requireKnown, requireSeed, requireWhole } from "../base/check.ts";
import { Pipe } from "./_pipe.ts";
import { PipeReceiveStream, PipeSendStream, PipeStream } from "./_pipe_stream.ts";
import { seededRandom } from "../driver/random.ts";
import type { MemoryStreamHooks } from "./stream_hooks.ts";

/**
 * A stream in memory, in both directions.
 *
 * @category Memory streams
 */
export type MemoryStream = HalfCloseableStream & TextSender;

/**
 * Options of `memoryStreamPair()` and `memoryStreamOneWayPair()`.
 *
 * @category Memory streams
 */
export interface MemoryStreamOptions {
  /**
   * How many bytes each direction holds, at least 1. A sender waits while there is no room; with `Infinity` it never
   * waits.
   *
   * @default {65_536}
   */
  readonly capacity?: number;
  /**
   * How many bytes a receive gives at most: each gives a random number from 1 to this. Code that takes one receive for
   * one message fails then. By default a receive gives everything that has arrived.
   */
  readonly chunk?: number;
  /** The seed of these random numbers. By default they are those of the run, which a simulation seeds. */
  readonly seed?: number;
  /** Functions that the streams call: to hold operations up, to make them fail, to count them. */
  readonly hooks?: MemoryStreamHooks;
  /**
   * A name for reports.
   *
   * @default {"memory stream"}
   */
  readonly name?: string;
}

/**
 * Makes the two ends of a connection in memory, which behaves like one over TCP.
 *
 * What is sent at one end is received at the other, in order. A sender waits once the buffer is full; closing an end
 * ends what the other receives, after the bytes on their way, and breaks what it sends. It needs no permission and no
 * real time. An end that is still open when a simulation ends is reported as a leak, as a socket would be.
 *
 * @example Testing a line of protocol
 * ```ts
 * import { openNursery, simulated } from "@trefoil/io";
 * import { memoryStreamPair } from "@trefoil/io/testing";
 * import { assertEquals } from "@std/assert";
 *
 * const test = simulated(() =>
 *   openNursery(async (nursery) => {
 *     const [client, server] = memoryStreamPair({ chunk: 3 });
 *     using _ = server;
 *     nursery.startSoon(async () => {
 *       using _ = client;
 *       await client.sendAll(new TextEncoder().encode("hello"));
 *     });
 *     let text = "";
 *     for await (const chunk of server) text += new TextDecoder().decode(chunk);
 *     assertEquals(text, "hello");
 *   })
 * );
 * await test();
 * ```
 *
 * @param options Size of the buffers, splitting of receives, hooks.
 * @returns The two ends.
 * @throws {RangeError} If `capacity` is neither a whole number >= 1 nor `Infinity`, or `chunk` is not a whole number >=
 * 1.
 * @category Memory streams
 */
export function memoryStreamPair(options: MemoryStreamOptions = {}): [MemoryStream, MemoryStream] {
  const makePipe = pipesOf(options);
  const there = makePipe();
  const back = makePipe();
  return [new PipeStream(there, back, options.hooks), new PipeStream(back, there, options.hooks)];
}

/**
 * Makes the two ends of one direction of bytes in memory: see `memoryStreamPair()`.
 *
 * @example Holding a send up with a hook
 * ```ts
 * import { currentTime, simulate, sleep } from "@trefoil/io";
 * import { memoryStreamOneWayPair } from "@trefoil/io/testing";
 * import { assertEquals } from "@std/assert";
 *
 * await simulate(async () => {
 *   const [send, receive] = memoryStreamOneWayPair({ hooks: { beforeSend: () => sleep(250) } });
 *   await send.sendAll(new Uint8Array([1, 2]));
 *   assertEquals([await receive.receiveSome(), currentTime()], [new Uint8Array([1, 2]), 250]);
 *   send.close();
 *   receive.close();
 * });
 * ```
 *
 * @param options Size of the buffer, splitting of receives, hooks.
 * @returns The end to send to, and the end to receive from.
 * @throws {RangeError} If `capacity` is neither a whole number >= 1 nor `Infinity`, or `chunk` is not a whole number >=
 * 1.
 * @category Memory streams
 */
export function memoryStreamOneWayPair(
  options: MemoryStreamOptions = {},
): [send: SendStream & TextSender, receive: ReceiveStream] {
  const pipe = pipesOf(options)();
  return [new PipeSendStream(pipe, options.hooks), new PipeReceiveStream(pipe, options.hooks)];
}

const ACTION = "make a memory stream";
const HOOKS = ["beforeSend", "beforeReceive", "closed"] as const;

/** Makes pipes that draw their random numbers from one source. */
function pipesOf(options: MemoryStreamOptions): () => Pipe {
  requireKnown(ACTION, options, ["capacity", "chunk", "seed", "hooks", "name"]);
  const { capacity = 65_536, chunk, seed, hooks, name = "memory stream" } = options;
  requireText(ACTION, "name", name);
  if (seed !== undefined) requireSeed(ACTION, seed);
  if (hooks !== undefined) {
    requireKnown('make a memory stream with "hooks"', hooks, HOOKS);
    for (const hook of HOOKS) if (hooks[hook] !== undefined) requireFunction(ACTION, `hooks.${hook}`, hooks[hook]);
  }
  if (capacity !== Infinity) requireWhole(ACTION, "capacity", capacity, 1);
  if (chunk !== undefined) requireWhole(ACTION, "chunk", chunk, 1);
  const run = currentRun();
  const random = seed === undefined ? () => run.random() : seededRandom(seed);
  const split = chunk === undefined ? () => Infinity : () => 1 + Math.floor(random() * chunk);
  return () => new Pipe({ capacity, name, split });
}
