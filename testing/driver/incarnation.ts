/**
 * The lives of the hosts of a simulated network: which of them code belongs to.
 *
 * An async-local value, which tasks and timers inherit from the code that makes them, wherever their nursery is. Once
 * the host has crashed, nothing of that life goes on: its waits are refused, under shields as well, its timers are
 * gone, and its calls of the network fail. What runs between two waits cannot be kept from it: `finally` blocks without
 * waits.
 */

import { AsyncLocalStorage } from "node:async_hooks";
import { abandon, currentNode, kill } from "../../core/internal.ts";
import { CancelScope, type ScopeOutcome, type Task } from "../../core/mod.ts";
import type { HostTime } from "./host_time.ts";

/** Something that is gone together with its host: a timer, what is to be closed. */
export interface Belonging {
  close(): unknown;
}

/** A part of a task. */
export type Region = ReturnType<typeof currentNode>;

/** Says that a life has ended before the code that lived it. */
export const DEAD: unique symbol = Symbol("dead");

/** One life of a host, from its start to its crash. */
export class Incarnation {
  /** Whether the host has crashed. */
  dead = false;
  /** Whose life it is. */
  readonly host: object;
  /** The time of that host. */
  readonly time: HostTime;
  /** What began in it and has not ended. Written by this file. */
  readonly #tasks = new Set<Task>();
  readonly #regions = new Map<Region, () => void>();
  readonly #belongings = new Set<Belonging>();

  constructor(host: object, time: HostTime) {
    this.host = host;
    this.time = time;
  }

  /** Runs a function that lives this life; `DEAD` if the life ends first, and its code does not. */
  run<T>(fn: () => T | Promise<T>): Promise<ScopeOutcome<T> | typeof DEAD> {
    const { promise, resolve, reject } = Promise.withResolvers<ScopeOutcome<T> | typeof DEAD>();
    let region: Region;
    new CancelScope().run(() => {
      region = currentNode();
      this.#regions.set(region, () => resolve(DEAD));
      regionLives.set(region, this as Incarnation);
      return storage.run(this as Incarnation, fn);
    }).finally(() => this.#regions.delete(region)).then(resolve, reject);
    return promise;
  }

  /**
   * The end of this life. What only awaits foreign promises cannot be refused anything, so what has not ended a turn
   * later is left as it is, and nobody waits for it.
   */
  end(reason: string): void {
    this.dead = true;
    // First what would act by itself, then those who clean up now.
    for (const belonging of [...this.#belongings]) belonging.close();
    this.#belongings.clear();
    kill([...this.#regions.keys(), ...this.#tasks], reason);
    // The simulation's own, for which time waits.
    outsideHosts(() =>
      // deno-lint-ignore trefoil/host-time -- see above
      setImmediate(() => {
        abandon([...this.#regions.keys(), ...this.#tasks]);
        for (const abandoned of [...this.#regions.values()]) abandoned();
      })
    );
  }

  /** A task is begun in it. */
  join(task: Task): void {
    if (this.dead) return queueMicrotask(() => this.#endAtOnce(task));
    this.#tasks.add(task);
    homes.set(task, this as Incarnation);
  }

  /** Before it has begun: whoever begins it belongs to the dead. */
  #endAtOnce(task: Task): void {
    kill([task], "its host has crashed");
    abandon([task]);
  }

  leave(task: Task): void {
    this.#tasks.delete(task);
  }

  /** Something is opened that is gone with this life; returns how to take it off the list. */
  own(belonging: Belonging): () => void {
    this.#belongings.add(belonging);
    return () => void this.#belongings.delete(belonging);
  }
}

const storage = new AsyncLocalStorage<Incarnation>();
const regionLives = new WeakMap<Region, Incarnation>();
const homes = new WeakMap<Task, Incarnation>();

/** The life that the calling code lives, if it runs on a host of which that was said. */
export function ambientIncarnation(): Incarnation | undefined {
  return storage.getStore();
}

/** The life that a part of a task lives, if any. */
export function lifeOf(node: Region): Incarnation | undefined {
  for (let at: Region | null = node; at !== null && at.task === node.task; at = at.parent) {
    const life = regionLives.get(at);
    if (life !== undefined) return life;
  }
  return homes.get(node.task as Task & Region["task"]);
}

/** A task was made by the calling code. */
export function joinIncarnation(task: Task): void {
  storage.getStore()?.join(task);
}

/** A task has ended. */
export function leaveIncarnation(task: Task): void {
  homes.get(task)?.leave(task);
}

/** Calls a function on no host in particular, as the machinery of hosts has to. */
export function outsideHosts<T>(fn: () => T): T {
  return storage.exit(fn);
}
