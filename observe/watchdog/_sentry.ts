/**
 * W2: somebody who notices that the event loop stands still while it does, also for ever.
 *
 * A thread of its own looks at a number in shared memory, which each beat of the loop raises. Beside it is the name of
 * the task that went on last. The thread prints by itself, as nobody here could be told.
 */

import { taskText, whenLettingGo } from "../../core/internal.ts";
import { repeat } from "../base/beat.ts";

/** How often the loop shows that it is free, in milliseconds. */
const BEAT = 50;
/** Bytes of what a task is called, and so many characters of its name: three bytes each, and the number. */
const NAME = 320;
const LONGEST_NAME = 90;
/** The number of beats, and the length of the name. */
const NUMBERS = 2;

/** What the thread does. It has no module to load, and needs no permission. */
const CODE = `onmessage = ({ data: { shared, after } }) => {
  const numbers = new Int32Array(shared, 0, ${NUMBERS});
  const name = new Uint8Array(shared, ${NUMBERS * 4});
  let last = -1, since = performance.now(), told = false;
  setInterval(() => {
    const now = performance.now(), beats = Atomics.load(numbers, 0);
    if (beats !== last) { last = beats; since = now; told = false; return; }
    if (told || now - since < after) return;
    told = true;
    const task = new TextDecoder().decode(name.slice(0, Atomics.load(numbers, 1)));
    const who = task === "" ? "no task has gone on yet" : task + " went on last";
    console.error("Trefoil: the event loop has been standing still for " + Math.round(now - since) + " ms; " + who);
  }, Math.max(Math.min(after / 4, 250), 10));
};`;

/** See the header. */
export class Sentry {
  /** Ends it. Harmless when repeated. */
  readonly stop: () => void;
  #worker: Worker | null = null;
  readonly #numbers: Int32Array;
  readonly #name: Uint8Array;
  #last: object | null = null;

  /** `after`: how long the loop may stand still, in milliseconds. */
  constructor(after: number) {
    const shared = new SharedArrayBuffer(NUMBERS * Int32Array.BYTES_PER_ELEMENT + NAME);
    this.#numbers = new Int32Array(shared, 0, NUMBERS);
    this.#name = new Uint8Array(shared, NUMBERS * Int32Array.BYTES_PER_ELEMENT);
    const start = (): void => {
      this.#worker = new Worker(`data:application/javascript,${encodeURIComponent(CODE)}`, { type: "module" });
      this.#worker.postMessage({ shared, after });
    };
    start();
    const beat = (): void => void Atomics.add(this.#numbers, 0, 1);
    beat();
    const ends = [
      repeat(BEAT, beat),
      whenLettingGo(() => {
        this.#worker?.terminate();
        return start;
      }),
    ];
    this.stop = () => {
      ends.forEach((end) => end());
      this.#last = null;
      this.#worker?.terminate();
    };
  }

  /** A task goes on. */
  resumed(task: { readonly name: string; readonly id: number }): void {
    if (task === this.#last) return;
    this.#last = task;
    // Only what is not shared can be written to.
    const called = taskText({ name: task.name.slice(0, LONGEST_NAME), id: task.id });
    const bytes = new TextEncoder().encode(called).subarray(0, NAME);
    this.#name.set(bytes);
    Atomics.store(this.#numbers, 1, bytes.length);
  }
}
