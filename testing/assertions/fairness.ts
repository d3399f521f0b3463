/** An assertion about which task gets a lock next. */

import { composedWait, requireFunction } from "../../core/internal.ts";
import { Event, type Nursery, openNursery, type Task } from "../../core/mod.ts";
import { inSomeSimulation } from "./_in_simulation.ts";
import { settled } from "../time/settled.ts";

/**
 * The part of a lock that `assertFair()` uses: of a semaphore, a limiter or a pool as well.
 *
 * @category Assertions
 */
export interface FairLock {
  /**
   * Waits for the lock; returns a guard that gives it back when disposed.
   *
   * **Cancellation:** must leave the line, and lose nothing that was granted.
   */
  acquire(): Promise<Disposable>;
  /** Takes the lock at once; gives `undefined` if it would have to wait. */
  tryAcquire?(): Disposable | undefined;
}

/** With more places than that, no line would ever form. */
const MOST_PLACES = 1_000;

/**
 * Asserts that tasks get a lock in the order in which they asked for it, also when some of them are cancelled.
 *
 * All its places are taken, and tasks line up. Then one task in line is cancelled, another one at the very moment it is
 * given the lock, the holder asks again at the moment it gives the lock back, and a new task comes along. No task may
 * overtake another, and every place must be free in the end. The lock must be free when it is handed in. Within a
 * simulation it runs there, elsewhere in a new one.
 *
 * **Cancellation:** passes `Cancelled` on; all that was acquired is given back.
 *
 * @example Two fair locks, and a greedy one
 * ```ts
 * import { Event, Lock, Semaphore } from "@trefoil/io";
 * import { assertFair } from "@trefoil/io/testing";
 * import { assertRejects } from "@std/assert";
 *
 * await assertFair(new Lock());
 * await assertFair(new Semaphore(3));
 *
 * // The first task to ask after a release gets it, so that others may starve.
 * class Greedy {
 *   #free: Event | null = null;
 *   async acquire(): Promise<Disposable> {
 *     while (this.#free !== null) await this.#free.wait();
 *     const free = this.#free = new Event();
 *     return {
 *       [Symbol.dispose]: () => {
 *         this.#free = null;
 *         free.set();
 *       },
 *     };
 *   }
 * }
 * await assertRejects(() => assertFair(new Greedy()), Error, "must get it in the order in which they came");
 * ```
 *
 * @param lock The lock, free.
 * @returns A promise that resolves if it is fair.
 * @throws {Error} If it is not; the message says which rule is broken.
 * @category Assertions
 */
export function assertFair(lock: FairLock): Promise<void> {
  return composedWait(() => judgeFairness(lock));
}

async function judgeFairness(lock: FairLock): Promise<void> {
  requireFunction("assert fairness", "lock.acquire", lock?.acquire);
  if (lock.tryAcquire !== undefined) requireFunction("assert fairness", "lock.tryAcquire", lock.tryAcquire);
  const fault = await inSomeSimulation(
    () =>
      openNursery(async (nursery) => {
        try {
          return await judge(lock, nursery);
        } finally {
          nursery.cancel("the lock has been judged");
        }
      }, { name: "assertFair()" }),
    "Cannot assert fairness as a run() of your own does not tell when all tasks wait: call it in simulated(), or outside any run",
  );
  // Thrown out here, as the nursery would put it into a group.
  if (fault !== null) throw new Error(`Cannot accept the lock as fair as ${fault}`);
}

/** Plays the scene; returns the rule that is broken, and how, or `null`. */
async function judge(lock: FairLock, nursery: Nursery): Promise<string | null> {
  const served: string[] = [];
  const come = async (name: string): Promise<Customer> => {
    const customer = new Customer(name, lock, served);
    customer.task = nursery.startSoon(() => customer.visit(), { name: `customer ${name}` });
    await settled();
    return customer;
  };
  const leave = async (customer: Customer): Promise<void> => {
    customer.leave.set();
    await settled();
  };

  const holders: Customer[] = [];
  let one = await come("1");
  for (; one.holds; one = await come("1")) {
    if (holders.push(one) > MOST_PLACES) return `it must have at most ${MOST_PLACES} places: everybody got one`;
  }
  const [holder, ...others] = holders;
  if (holder === undefined) return "it must be free when it is handed in: nobody got it";
  const line = [one];
  for (const name of ["2", "3", "4", "5"]) line.push(await come(name));
  const [, two, three] = line as [Customer, Customer, Customer];
  served.length = 0;

  two.task.cancel();
  await settled();
  if (served.length > 0) return `a waiter that is cancelled must not let anybody in: it went to ${served}`;
  // It tries again in the moment it leaves, and then lines up.
  const back = new Customer("the one who comes back", lock, served);
  let overtaken = false;
  holder.left = async () => {
    overtaken = overtakes(lock);
    await back.visit();
  };
  await leave(holder);
  if (overtaken) return "tryAcquire() must refuse while others wait: it got the lock";
  const newcomer = await come("a newcomer");
  // Granted and cancelled at once: whether it still gets the lock or not, the lock must go on to the next.
  one.left = () => three.task.cancel();
  for (const customer of [...line, back, newcomer, ...others]) await leave(customer);
  const order = served.filter((name) => name !== three.name);
  const expected = [one, ...line.slice(3), back, newcomer].map(({ name }) => name);
  if (`${order}` !== `${expected}`) {
    return `those who wait must get it in the order in which they came (${expected.join(", ")}): it went to ${
      order.length === 0 ? "nobody" : order.join(", ")
    }`;
  }
  let free = 0;
  for (const _ of holders) if ((await come("at the end")).holds) free++;
  return free === holders.length
    ? null
    : `it must be free when all have left, also those who were cancelled: ${free} of ${holders.length} places are`;
}

/** Whether one who does not wait gets in. */
function overtakes(lock: FairLock): boolean {
  using guard = lock.tryAcquire?.();
  return guard !== undefined;
}

/** One who wants the lock. */
class Customer {
  readonly name: string;
  readonly leave: Event = new Event();
  /** Runs `visit()`. Written by who starts it. */
  task!: Task<void>;
  holds = false;
  /** Called in the moment it has given the lock back. Written by the scene. */
  left: () => void | Promise<void> = () => {};
  readonly #lock: FairLock;
  readonly #served: string[];

  constructor(name: string, lock: FairLock, served: string[]) {
    this.name = name;
    this.#lock = lock;
    this.#served = served;
  }

  async visit(): Promise<void> {
    const guard = await this.#lock.acquire();
    this.holds = true;
    this.#served.push(this.name);
    try {
      await this.leave.wait();
    } finally {
      guard[Symbol.dispose]();
    }
    await this.left();
  }
}
