/**
 * What answers calls in a worker: a thread, a process, or in memory. Imports nothing of the core, as a worker should
 * start fast; it knows nothing of threads either, only of a port.
 *
 * One call at a time. Each has a signal, under which the port runs it. An answer is sent for each, exactly one, also
 * where it was cancelled: only then is the worker free.
 */

import { pack, unpack } from "./_across.ts";
import type { CallbackMark, FromWorker, Told, ToWorker } from "./_protocol.ts";
import { transfersOf } from "./_transfers.ts";
import { uncloneable } from "./_uncloneable.ts";

/**
 * What it needs: the same as `WorkerPort` in the core, of which not even the types are imported. Where a program is
 * checked as it runs, what a thread loads is checked in the thread, all of it, and against the types of a worker.
 */
export interface Port {
  readonly kind: "thread" | "process";
  load(): Promise<object>;
  send(message: unknown, transfer: readonly Transferable[]): void;
  run(functionName: string, body: () => unknown, signal: AbortSignal): unknown;
  wait<T>(register: (resolve: (value: T) => void, reject: (error: unknown) => void) => void): Promise<T>;
  look(): void;
  readonly block: (() => void) | null;
}

/** What takes in the messages of the program. */
export interface Server {
  receive(message: unknown): void;
  /** The signal of the call that runs; `null` if none does. */
  signal(): AbortSignal | null;
  /** Says that something has failed for which nobody waits. */
  crash(error: unknown): void;
}

/** A call that runs. */
interface Running {
  readonly call: number;
  readonly controller: AbortController;
  /** Items that may be sent. */
  credit: number;
  /** Lets the loop over a stream go on: there is credit, or it was cancelled. */
  goOn: (() => void) | null;
  /** Questions that were not answered yet. */
  readonly questions: Map<number, Question>;
}

interface Question {
  told(told: Told): void;
  /** Nobody answers it any more. */
  cancelled(reason: unknown): void;
}

type AnyFunction = (...args: unknown[]) => unknown;

/** See the header. */
export function serve(port: Port, version: string | null = null): Server {
  let module: Readonly<Record<string, unknown>> = {};
  let running: Running | null = null;
  let lastQuestion = 0;
  /** The reasons of all signals: a rejection that says no more than that is no crash. */
  const cancellations = new WeakSet<object>();

  const send = (message: FromWorker, values: readonly unknown[] = []): void => port.send(message, transfersOf(values));

  const receive = (message: unknown): void => {
    const told = message as ToWorker;
    if (told.type === "call") return void answer(told);
    // What comes late is for a call that is over.
    if (running === null || told.call !== running.call) return;
    if (told.type === "credit") running.credit += told.count;
    else if (told.type === "told") return answerQuestion(running, told);
    else cancel(running, told.reason);
    running.goOn?.();
  };

  const answerQuestion = ({ questions }: Running, { question, told }: ToWorker & { type: "told" }): void => {
    const asked = questions.get(question);
    questions.delete(question);
    asked?.told(told);
  };

  const cancel = ({ controller, questions }: Running, why: string): void => {
    const reason = new DOMException(why, "AbortError");
    cancellations.add(reason);
    controller.abort(reason);
    for (const question of [...questions.values()]) question.cancelled(reason);
    questions.clear();
  };

  const answer = async ({ call, name, args, callbacks, credit }: ToWorker & { type: "call" }): Promise<void> => {
    const mine: Running = {
      call,
      controller: new AbortController(),
      credit: credit ?? 0,
      goOn: null,
      questions: new Map(),
    };
    running = mine;
    const { signal } = mine.controller;
    let last: () => void;
    try {
      const all = [...args];
      for (const mark of callbacks) all[mark.index] = stub(mine, mark);
      const fn = module[name] as AnyFunction;
      const value = await port.run(name, async () => {
        const result = await fn(...all);
        if (credit !== null) return await sendItems(mine, name, result);
        if (isIterator(result)) {
          throw new TypeError(`Cannot call "${name}" as it must not be a generator: use stream("${name}", …)`);
        }
        return result;
      }, signal);
      last = () => sendValue({ type: "result", call, value }, `the result of "${name}"`);
    } catch (error) {
      const cancelled = signal.aborted && isCancellation(error, signal);
      last = () => send({ type: "error", call, error: pack(error), cancelled });
    }
    running = null;
    try {
      last();
    } catch (error) {
      send({ type: "error", call, error: pack(error), cancelled: false });
    }
  };

  /** Sends what comes out of a generator, as fast as there is credit. */
  const sendItems = async (mine: Running, name: string, result: unknown): Promise<void> => {
    const iterator = iteratorOf(result);
    if (iterator === null) {
      throw new TypeError(`Cannot stream "${name}" as it must return something iterable: use call("${name}", …)`);
    }
    const { signal } = mine.controller;
    try {
      for (;;) {
        port.look();
        while (mine.credit === 0 && !signal.aborted) {
          await port.wait<void>((resolve) => mine.goOn = () => resolve(undefined));
        }
        if (signal.aborted) break;
        const { done, value } = await iterator.next();
        if (done) return;
        mine.credit--;
        sendValue({ type: "item", call: mine.call, value }, `an item of "${name}"`);
      }
    } catch (error) {
      // As a loop has it: what has gone wrong first is thrown.
      await Promise.resolve(iterator.return?.()).catch(() => {});
      throw error;
    }
    await iterator.return?.();
    throw signal.reason;
  };

  /** Sends what the user's function has given, or says what is wrong with it. */
  const sendValue = (message: OfValue, what: string): void => {
    const { value } = message;
    const fault = uncloneable(value, port.kind);
    if (fault !== null) throw new TypeError(`Cannot send ${what} as it must be something that can be cloned: ${fault}`);
    try {
      send(message, [value]);
    } catch (error) {
      throw new TypeError(
        `Cannot send ${what} as it must be something that can be cloned: ${(error as Error).message}`,
        { cause: error },
      );
    }
  };

  /** What stands for a function of the program. */
  const stub = (mine: Running, { index, blocking }: CallbackMark): AnyFunction => {
    const { call, questions, controller: { signal } } = mine;
    const ask = (args: readonly unknown[], asked: Question): void => {
      if (running !== mine) {
        throw new Error("Cannot call back as the call that was given this function must not be over: it is");
      }
      signal.throwIfAborted();
      const question = ++lastQuestion;
      send({ type: "ask", call, question, index, args }, args);
      questions.set(question, asked);
    };
    if (!blocking) {
      return (...args) =>
        port.wait((resolve, reject) =>
          ask(args, {
            told: (told) => "error" in told ? reject(unpack(told.error, "the program")) : resolve(told.value),
            cancelled: reject,
          })
        );
    }
    return (...args) => {
      const { block } = port;
      if (block === null) {
        throw new TypeError(
          "Cannot block until the program answers as the worker must be a thread of its own: in a simulation it is none, " +
            'use callback(), or simulate with option workers: "host"',
        );
      }
      const answers: Told[] = [];
      ask(args, { told: (told) => answers.push(told), cancelled() {} });
      for (let [told] = answers;; [told] = answers) {
        if (told !== undefined) {
          if ("error" in told) throw unpack(told.error, "the program");
          return told.value;
        }
        signal.throwIfAborted();
        block();
      }
    };
  };

  port.load().then((loaded) => {
    module = loaded as Readonly<Record<string, unknown>>;
    const functions = Object.keys(module).filter((name) => typeof module[name] === "function");
    send({ type: "ready", functions, version });
  }).catch((error) => send({ type: "failed", error: pack(error) }));

  return {
    receive,
    signal: () => running?.controller.signal ?? null,
    crash(error) {
      if (typeof error === "object" && error !== null && cancellations.has(error)) return;
      send({ type: "crash", error: pack(error) });
    },
  };
}

type OfValue = Extract<FromWorker, { readonly value: unknown }>;

/** Whether an error only says that the call was cancelled. */
function isCancellation(error: unknown, { reason }: AbortSignal): boolean {
  if (error === reason) return true;
  const name = typeof error === "object" && error !== null ? (error as { readonly name?: unknown }).name : undefined;
  return name === "AbortError" || name === "Cancelled";
}

function isIterator(value: unknown): boolean {
  return typeof value === "object" && value !== null && "next" in value && typeof value.next === "function" &&
    (Symbol.iterator in value || Symbol.asyncIterator in value);
}

function iteratorOf(value: unknown): AsyncIterator<unknown> | Iterator<unknown> | null {
  if (typeof value !== "object" || value === null) return null;
  const { [Symbol.asyncIterator]: asyncly, [Symbol.iterator]: plainly } = value as {
    [Symbol.asyncIterator]?: () => AsyncIterator<unknown>;
    [Symbol.iterator]?: () => Iterator<unknown>;
  };
  return asyncly?.call(value) ?? plainly?.call(value) ?? null;
}
