/**
 * How each exported name that returns a promise is called in the laws: see `promises_test.ts`.
 *
 * A recipe is small: it makes what is called upon, and says how to call it when it could end at once, when it has to
 * wait, and how its own side closes what it waits for. The laws do the rest.
 */

import { type Nursery, openNursery, run, shielded, type Task } from "../../mod.ts";
import {
  currentRun,
  type Network,
  type ProcessHost,
  type StandardInput,
  type WorkerHost,
} from "../../core/lowlevel.ts";
import { simulate, type Simulation } from "../../testing/mod.ts";

/** See the header. `S` is what `open` makes. */
export interface Recipe<S> {
  /** Makes what is called upon: anew for each law, long-lived within it. */
  open(kit: Kit): S | Promise<S>;
  /** A call that could end at once, any number of times; or why there is none. */
  readonly ready: ((made: S) => unknown) | string;
  /** The call alone, where `ready` does more than that. */
  readonly alone?: (made: S) => unknown;
  /** A call that waits; or why there is none. */
  readonly waiting: ((made: S) => unknown) | string;
  /** Its own side closes what `waiting` waits for, and `ready` needs; or why nobody can. */
  readonly close: ((made: S) => unknown) | string;
  /** A call that is refused by an error, any number of times: not as it is cancelled or closed. */
  readonly refused?: (made: S) => unknown;
  /** One call that goes on for ever, though everything it needs is always there: a loop inside the library. */
  readonly endless?: (made: S) => unknown;
  /**
   * Why a loop of ready calls does not notice cancellation: it runs a body of the caller's, and ends as that does; it
   * is shielded; it gives back, which nobody does in a loop; or the caller's promise, or time, is not the library's.
   */
  readonly uncancelled?: "body" | "shielded" | "release" | "host's";
  /** A call takes so long, or the host so much memory for it, that there are only some hundred of them. */
  readonly slow?: boolean;
  /** What is left of a call that is over, and is to be. */
  readonly keeps?: string;
  /** A wait that was cancelled leaves it of no use. */
  readonly spoilt?: boolean;
  /** Which network the run has. */
  readonly network?: Network;
  /** Which processes the run has. */
  readonly processes?: ProcessHost;
  /** Which workers the run has. */
  readonly workers?: WorkerHost;
  /** Which standard input the run has. */
  readonly stdin?: StandardInput;
  /** Where it is called: in a run of its own, outside of any, or in a simulation. */
  readonly where?: "bare" | "simulation";
}

// deno-lint-ignore no-explicit-any -- the table holds recipes of all types
export type AnyRecipe = Recipe<any>;

/** Lets TypeScript find out what a recipe makes. */
export function recipe<S>(it: Recipe<S>): AnyRecipe {
  return it;
}

/** Why there is none, or no other. */
export const NOBODY = "there is nothing to close";
export const FOREVER = "it always waits";
export const CLEANUP = "as a cleanup it is not cancelled";

export const nothing = (): void => {};

/** What a recipe may lean on: a nursery for what runs beside the calls, and cleanup. */
export class Kit {
  readonly nursery: Nursery;
  readonly sim: Simulation;
  readonly #cleanups: (() => unknown)[] = [];

  constructor(nursery: Nursery, sim: Simulation | null) {
    this.nursery = nursery;
    this.sim = sim as Simulation;
  }

  /** Something to do at the end, latest first. */
  defer(cleanup: () => unknown): void {
    this.#cleanups.push(cleanup);
  }

  /** Closes something at the end. */
  use<T extends { close(): unknown }>(resource: T): T {
    this.defer(() => resource.close());
    return resource;
  }

  /** Runs something beside the calls; cancelled at the end. Waits until it says that it is ready. */
  async beside(fn: (ready: () => void) => unknown): Promise<Task> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const task = this.nursery.startSoon(() => fn(resolve), { name: "beside" });
    await promise;
    return task as Task;
  }

  async end(): Promise<void> {
    for (const cleanup of this.#cleanups.reverse()) await cleanup();
    this.nursery.cancel();
  }
}

/** Runs something with a kit, where the recipe wants to be called. */
export async function withKit<T>(
  { network, processes, workers, stdin, where }: Pick<
    AnyRecipe,
    "network" | "processes" | "workers" | "stdin" | "where"
  >,
  body: (kit: Kit) => Promise<T>,
): Promise<T> {
  const inNursery = async (sim: Simulation | null): Promise<T> => {
    let result: T;
    await openNursery(async (nursery) => {
      const kit = new Kit(nursery, sim);
      try {
        result = await body(kit);
      } finally {
        await shielded(() => kit.end());
      }
    }, { name: "kit" });
    // What was abandoned on the host is over in the end, on a busy machine a little later.
    for (let n = 0; n < MOST_TURNS && currentRun().statistics().hostOperations.length > 0; n++) await turns(1);
    return result!;
  };
  if (where === "simulation") return await simulate(inNursery, { leaks: "ignore" });
  if (where === "bare") return await inNursery(null);
  return await run(() => inNursery(null), {
    handleSignals: false,
    ...(network === undefined ? {} : { network }),
    ...(processes === undefined ? {} : { processes }),
    ...(workers === undefined ? {} : { workers }),
    ...(stdin === undefined ? {} : { stdin }),
  });
}

/** For so many turns operations of the host may go on after a test. */
const MOST_TURNS = 2_000;

/** Lets the event loop turn, without a wait of the library. */
export async function turns(count = 4): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise<void>((resolve) => void setImmediate(resolve));
}

/**
 * Calls, and makes sure that something was promised. An error that is thrown is a fault of its own: they must reject.
 */
export function call<S>(how: (made: S) => unknown, made: S, name: string): Promise<unknown> {
  const promise = how(made) as Partial<PromiseLike<unknown>> | undefined;
  if (typeof promise?.then !== "function") throw new Error(`The recipe of "${name}" gives no promise`);
  return promise as Promise<unknown>;
}
