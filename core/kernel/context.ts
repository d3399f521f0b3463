/**
 * The ambient state: which status node (and so which task and run) the code that runs now belongs to.
 *
 * The only file that imports `node:async_hooks` (built into Deno, Node and Bun). The stored value is the status
 * node itself: a node knows its task, a task knows its runtime, so one slot carries all three and a scope costs
 * one object. It is entered with `run` and never with `enterWith`, which leaks out of the synchronous part of an
 * async function into its caller. Code must not read it inside abort or host callbacks: those run in the
 * context of whoever fired them.
 */

import { AsyncLocalStorage } from "node:async_hooks";
import type { StatusNode } from "./node.ts";

const storage = new AsyncLocalStorage<StatusNode>();
let makeDefault: () => StatusNode;
let fallback: StatusNode | undefined;

/** Set once by `runtime.ts`: how to make the root that serves code outside any run. */
export function setDefaultRoot(make: () => StatusNode): void {
  makeDefault = make;
}

/** The node of the code that runs now; outside any run, the never-cancelled root of the default runtime. */
export function currentNode(): StatusNode {
  return storage.getStore() ?? (fallback ??= makeDefault());
}

/** The node of the code that runs now, or `undefined` outside any run and scope. */
export function ambientNode(): StatusNode | undefined {
  return storage.getStore();
}

/** Calls `fn(arg)` with `node` as its ambient node. All other async-local values stay the caller's. */
export function within<A, R>(node: StatusNode, fn: (arg: A) => R, arg: A): R {
  return storage.run(node, fn, arg);
}

/** Calls `fn()` with `node` as its ambient node. */
export function enter(node: StatusNode, fn: () => void): void {
  storage.run(node, fn);
}

/**
 * Calls a function of somebody else's, one of many in one task. What it does to its async context (`enterWith()`, as tracers
 * and loggers do) ends with the call, and does not reach the next one. 0.7 us.
 */
export function isolated<R>(node: StatusNode, fn: () => R): R {
  // Entering any frame is enough: afterwards the one before is put back as a whole, with the values of all.
  return storage.run(node, fn);
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
