/**
 * The ambient state: which status node (and so which task and run) the code that runs now belongs to.
 *
 * The stored value is the status node itself: a node knows its task, a task knows its runtime, so one slot carries all
 * three and a scope costs one object. It is entered around a call and put back after it, never set for the rest of the
 * caller (`enterWith()`), which leaks out of the synchronous part of an async function. Code must not read it inside
 * abort or host callbacks: those run in the context of whoever fired them.
 *
 * There are two ways to carry it, and the tests pass on both:
 *
 * - **Storage**: an `AsyncLocalStorage`, on Node, Bun and every host that the other way does not suit. Its `run()`
 *   costs Deno (2.9.6) 0.7 to 4 us: an object in dictionary mode with the values of all storages, and an entry in a
 *   WeakMap.
 * - **Slot**: Deno keeps the values of all storages in one object, which it hands from promise to promise and timer to
 *   timer without looking at it. `getAsyncContext()` and `setAsyncContext()` of its core give and take that object,
 *   whatever it is. A frame of one field costs 0.1 us. Where other people's values are in it, the frame has a copy of
 *   them, as Deno's own has, and Deno's has a copy of ours. The field is a symbol of this copy of the package: another
 *   has its own.
 *
 * These two functions are private to Deno and may go or change. So nothing is taken for granted: `context_slot.ts`
 * tries them at import, in and around storages, resources and snapshots; the first frame also tries what only a later
 * microtask shows. Where anything differs, storage serves, from then on and for good. `TREFOIL_CONTEXT=storage` in the
 * environment (with `--allow-env=TREFOIL_CONTEXT`) does without the slot from the start.
 *
 * There is no public way to the same price: `AsyncResource` and `snapshot()` cost as much as `run()`, and one storage
 * whose value is changed in place would show the change to everybody who has it.
 */

import { AsyncLocalStorage } from "node:async_hooks";
import { environment } from "../base/host.ts";
import { findSlot, type Slot } from "./context_slot.ts";
import type { StatusNode } from "./node.ts";

const storage = new AsyncLocalStorage<StatusNode>();

/** Our field of the host's object. It can be enumerated, so that the host copies it along. */
const KEY = Symbol("@trefoil/io: the status node");

/** What stands in the slot where nobody else has a value; where somebody has, it is an object with all of them. */
class Frame {
  readonly [KEY]: StatusNode;

  constructor(node: StatusNode) {
    this[KEY] = node;
  }
}

const slot = environment("TREFOIL_CONTEXT") === "storage" ? null : findSlot();
/** Whether new frames go through the slot. Written by `distrust()`; once it is off, it stays off. */
let trusted = slot !== null;
/** Whether the first frame is still to come, which tries the asynchronous half. */
let untried = trusted;
const { get, set }: Slot = slot ?? { get: () => undefined, set() {} };

let makeDefault: () => StatusNode;
let fallback: StatusNode | undefined;

/** Set once by `runtime.ts`: how to make the root that serves code outside any run. */
export function setDefaultRoot(make: () => StatusNode): void {
  makeDefault = make;
}

/** The node of the code that runs now; outside any run, the never-cancelled root of the default runtime. */
export function currentNode(): StatusNode {
  return ambientNode() ?? (fallback ??= makeDefault());
}

/** The node of the code that runs now, or `undefined` outside any run and scope. */
export function ambientNode(): StatusNode | undefined {
  // Code that began before the slot was given up is still in its frames.
  return trusted ? (get() as Frame | undefined)?.[KEY] : storage.getStore() ?? (get() as Frame | undefined)?.[KEY];
}

/** Calls `fn(arg)` with `node` as its ambient node. All other async-local values stay the caller's. */
export function within<A, R>(node: StatusNode, fn: (arg: A) => R, arg: A): R {
  if (!trusted) return storage.run(node, fn, arg);
  const before = get();
  set(frameOver(before, node));
  try {
    return fn(arg);
  } finally {
    set(before);
  }
}

/** Calls `fn()` with `node` as its ambient node. */
export function enter(node: StatusNode, fn: () => void): void {
  within(node, fn, undefined);
}

/**
 * Calls a function of somebody else's, one of many in one task. What it does to its async context (`enterWith()`, as
 * tracers and loggers do) ends with the call, and does not reach the next one.
 */
export function isolated<R>(node: StatusNode, fn: () => R): R {
  // Entering any frame is enough: afterwards the one before is put back as a whole, with the values of all.
  return within(node, fn, undefined);
}

/**
 * Calls a function as if from outside any task, for what outlives them: loading a module. Deno (2.9.6) lets the async
 * context of the `import()` that loads a module first become that of everything the host calls later by itself, such as
 * a handler of `Deno.serve()`, or the next test. Then that would be the task, long over, in which somebody happened to
 * be the first.
 */
export const outside: <R>(fn: () => R) => R = AsyncLocalStorage.snapshot();

function frameOver(before: unknown, node: StatusNode): object {
  if (untried) tryLater(node);
  if (before === undefined || before instanceof Frame) return new Frame(node);
  return { __proto__: null, ...before as object, [KEY]: node };
}

/** Tries that a frame comes back in the continuations of what was begun in it, and nowhere else. */
function tryLater(node: StatusNode): void {
  untried = false;
  const before = get();
  const frame = new Frame(node);
  const look = (): void => {
    if (get() !== frame) distrust();
  };
  set(frame);
  Promise.resolve().then(look);
  queueMicrotask(look);
  (async () => {
    await undefined;
    look();
  })();
  set(before);
  Promise.resolve().then(() => {
    if (get() !== before) distrust();
  });
}

/** Gives the slot up, for good. */
function distrust(): void {
  trusted = false;
}

/** A computation that runs, and the one that it is a part of. */
export interface Computation {
  readonly node: StatusNode;
  readonly outer: Computation | undefined;
}

const computations = new AsyncLocalStorage<Computation>();

/** The computation that the calling code is a part of, or was begun in. */
export function currentComputation(): Computation | undefined {
  return computations.getStore();
}

/** Calls `fn()` as a part of a computation. */
export function computeWithin<R>(computation: Computation, fn: () => R): R {
  return computations.run(computation, fn);
}
