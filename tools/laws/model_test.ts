/**
 * Programs made up at random, of blocks, tasks, shields, cancellations, failures, cleanup and forgotten awaits, on
 * simulated time. Whatever they do: they end, leave nothing behind, lose no error and tell none twice, and everything
 * ends before the block it was begun in.
 */

import { assert, assertEquals } from "@std/assert";
import {
  all,
  CancelScope,
  checkpoint,
  failAfter,
  handleErrors,
  isCancelled,
  map,
  moveOnAfter,
  type Nursery,
  openNursery,
  race,
  retry,
  shielded,
  sleep,
  suppressedErrors,
  type Task,
} from "../../core/mod.ts";
import { currentRun, type Instrument } from "../../core/lowlevel.ts";
import { currentNode } from "../../core/internal.ts";
import { simulate } from "../../testing/mod.ts";

const PROGRAMS = 200;
/** Steps that a program takes at most. */
const STEPS = 150;
const DEEPEST = 6;

/** An error of the program, by its number. */
class Planned extends Error {
  override readonly name = "Planned";
}

/** A block, a task or a function of the program, and how many of those it has begun are not over. */
class Block {
  readonly name: string;
  readonly parent: Block | null;
  open = 0;

  constructor(name: string, parent: Block | null) {
    this.name = name;
    this.parent = parent;
  }

  /**
   * What waits for something that is begun here, and that nobody awaits: not the functions, but the blocks around them.
   */
  get lasting(): Block {
    return this.parent === null || !/^(?:child|retry|handleErrors|program)$/.test(this.name)
      ? this
      : this.parent.lasting;
  }
}

type Step = (program: Program, block: Block, depth: number) => unknown;

/** A program while it runs: makes up its next steps, and keeps the books. */
class Program {
  readonly #random: () => number;
  readonly features: ReadonlySet<string>;
  readonly log: string[] = [];
  readonly faults: string[] = [];
  readonly thrown: Planned[] = [];
  /** What the program itself has caught for good. */
  readonly caught: unknown[] = [];
  readonly scopes: { cancel(reason?: unknown): void }[] = [];
  readonly nurseries: { readonly nursery: Nursery; readonly block: Block }[] = [];
  readonly tasks: Task[] = [];
  /** What nobody awaits within the program. */
  readonly forgotten: Promise<void>[] = [];
  #steps = 0;

  constructor(random: () => number, features: ReadonlySet<string>) {
    this.#random = random;
    this.features = features;
  }

  below(n: number): number {
    return Math.floor(this.#random() * n);
  }

  pick<T>(list: readonly T[]): T | undefined {
    return list[this.below(list.length)];
  }

  note(what: string): void {
    this.log.push(`${currentRun().clock.now()} ${what}`);
  }

  planned(): Planned {
    const error = new Planned(`${this.thrown.length}`);
    this.thrown.push(error);
    this.note(`throw ${error.message}`);
    return error;
  }

  /** Does something that must be over before the block it is begun in. */
  async within<T>(name: string, parent: Block, body: (block: Block) => T | Promise<T>): Promise<T> {
    const block = new Block(name, parent);
    parent.open++;
    this.note(`begin ${name}`);
    try {
      return await body(block);
    } finally {
      if (block.open > 0) this.faults.push(`${name} ended before ${block.open} of what it had begun`);
      parent.open--;
      this.note(`end ${name}`);
    }
  }

  async steps(block: Block, depth: number): Promise<void> {
    for (let i = 1 + this.below(5); i >= 0 && this.#steps < STEPS; i--) {
      this.#steps++;
      const simple = depth >= DEEPEST || this.#random() < 0.4;
      const possible = (simple ? SIMPLE : NESTED).filter(([name]) => this.#may(name));
      const [name, step] = depth === 0 ? NURSERY : this.pick(possible)!;
      this.note(name);
      await step(this, block, depth + 1);
    }
  }

  #may(name: string): boolean {
    const feature = OPTIONAL[name];
    return feature === undefined || this.features.has(feature);
  }

  /** A child: in its nursery's block, whoever starts it. */
  child(block: Block, depth: number): () => Promise<void> {
    return () => this.within(`child`, block, (own) => this.steps(own, depth));
  }
}

/** Kinds of steps that only some programs take, so that each law is asked where it holds without exceptions. */
const OPTIONAL: Readonly<Record<string, string>> = {
  "join": "join",
  "forget": "forget",
  "forget a block": "forget",
  "swallow": "swallow",
  "all": "combine",
  "race": "combine",
  "map": "combine",
};

const SIMPLE: readonly (readonly [name: string, step: Step])[] = [
  ["sleep", (program) => sleep(program.below(8))],
  ["sleep", (program) => sleep(program.below(8))],
  ["sleep", (program) => sleep(program.below(8))],
  ["checkpoint", () => checkpoint()],
  ["cancel a scope", (program) => program.pick(program.scopes)?.cancel("at random")],
  ["cancel a nursery", (program) => program.pick(program.nurseries)?.nursery.cancel()],
  ["cancel a task", (program) => program.pick(program.tasks)?.cancel()],
  ["fail", (program) => {
    if (program.below(3) === 0) throw program.planned();
  }],
  // Two that join each other must not wait for ever.
  ["join", (program) => moveOnAfter(40, async () => void await program.pick(program.tasks)?.join())],
  // Nobody awaits it; it is cancelled at the end of its block.
  ["forget", (program) => void sleep(program.below(30))],
];

const NURSERY: readonly [name: string, step: Step] = [
  "nursery",
  (program, block, depth) =>
    program.within("nursery", block, (own) =>
      openNursery(async (nursery) => {
        program.nurseries.push({ nursery, block: own });
        for (let i = program.below(3); i >= 0; i--) {
          const daemon = program.pick([false, false, false, true, "last"] as const)!;
          program.tasks.push(nursery.startSoon(program.child(own, depth), { daemon }));
        }
        await program.steps(own, depth);
      })),
];

const NESTED: readonly (readonly [name: string, step: Step])[] = [
  [
    "moveOnAfter",
    (program, block, depth) =>
      program.within("moveOnAfter", block, (own) =>
        moveOnAfter(program.below(20), (scope) => {
          program.scopes.push(scope);
          return program.steps(own, depth);
        })),
  ],
  [
    "failAfter",
    (program, block, depth) =>
      program.within("failAfter", block, (own) => failAfter(program.below(30), () => program.steps(own, depth))),
  ],
  ["scope", (program, block, depth) =>
    program.within("scope", block, (own) => {
      const scope = new CancelScope({ shield: program.below(4) === 0, timeout: 50 });
      program.scopes.push(scope);
      return scope.run(() => program.steps(own, depth));
    })],
  [
    "shielded",
    (program, block, depth) =>
      program.within(
        "shielded",
        block,
        (own) => shielded(() => program.steps(own, depth), { timeout: program.below(10) }),
      ),
  ],
  NURSERY,
  NURSERY,
  ["spawn elsewhere", (program, _, depth) => {
    const { nursery, block } = program.pick(program.nurseries) ?? {};
    // It may be closed by now, which is an error of the caller.
    if (nursery === undefined || block === undefined) return;
    program.tasks.push(nursery.startSoon(program.child(block, depth)));
  }],
  // The block around waits for it, and then fails with an error that names it.
  ["forget a block", (program, block, depth) => {
    const { lasting } = block;
    const forgotten = program.within("forgotten", lasting, (own) =>
      openNursery(async (nursery) => {
        program.nurseries.push({ nursery, block: own });
        nursery.startSoon(program.child(own, depth));
        await program.steps(own, depth);
      }));
    program.forgotten.push(forgotten.catch((error) => void program.caught.push(error)));
  }],
  ["start", async (program, _, depth) => {
    const { nursery, block } = program.pick(program.nurseries) ?? {};
    if (nursery === undefined || block === undefined) return;
    await nursery.start(async (status) => {
      await sleep(program.below(3));
      if (program.below(4) === 0) throw program.planned();
      status.started();
      await program.child(block, depth)();
    });
  }],
  ["try and clean up", async (program, block, depth) => {
    try {
      await program.steps(block, depth);
    } catch (error) {
      // As `await using` does it.
      let newer: unknown;
      try {
        await program.pick([
          () => sleep(program.below(4)),
          () => shielded(() => sleep(program.below(4))),
          () => Promise.reject(program.planned()),
          () => shielded(() => program.steps(block, DEEPEST)),
        ])!();
      } catch (thrown) {
        newer = thrown;
      }
      throw newer === undefined ? error : new SuppressedError(newer, error);
    }
  }],
  ["swallow", async (program, block, depth) => {
    try {
      await program.steps(block, depth);
    } catch (error) {
      program.caught.push(error);
    }
  }],
  [
    "handleErrors",
    (program, block, depth) =>
      program.within(
        "handleErrors",
        block,
        (own) => handleErrors(() => program.steps(own, depth), [[Planned, (group) => void program.caught.push(group)]]),
      ),
  ],
  [
    "all",
    (program, block, depth) =>
      program.within("all", block, (own) => all([program.child(own, depth), program.child(own, depth)])),
  ],
  [
    "race",
    (program, block, depth) =>
      program.within("race", block, (own) => race([program.child(own, depth), program.child(own, depth)])),
  ],
  [
    "map",
    (program, block, depth) =>
      program.within("map", block, (own) => map([1, 2, 3], program.child(own, depth), { concurrency: 2 })),
  ],
  // One attempt only: the errors of others are dropped, if one succeeds.
  [
    "retry",
    (program, block, depth) =>
      program.within("retry", block, (own) => retry(() => program.steps(own, depth), { attempts: 1 })),
  ],
];

/** The planned errors in what was thrown, also those noted beside one; one that is there twice, twice. */
function plannedIn(error: unknown): Planned[] {
  const found: Planned[] = [];
  const seen = new Set<unknown>();
  const look = (error: unknown): void => {
    if (error instanceof Planned) found.push(error);
    if (seen.has(error)) return;
    seen.add(error);
    if (error instanceof AggregateError) {
      assertEquals(new Set(error.errors).size, error.errors.length, "an error is in one group twice");
      error.errors.forEach(look);
    }
    if (error instanceof SuppressedError) [error.error, error.suppressed].forEach(look);
    if (typeof error === "object") suppressedErrors(error).forEach(look);
  };
  look(error);
  return found;
}

/** Counts that what instruments hear of begins and ends. */
class Balance implements Instrument {
  tasks = 0;
  waits = 0;
  hostOperations = 0;
  taskSpawned(): void {
    this.tasks++;
  }
  taskExited(): void {
    this.tasks--;
  }
  blocked(): void {
    this.waits++;
  }
  resumed(): void {
    this.waits--;
  }
  hostOperationStarted(): void {
    this.hostOperations++;
  }
  hostOperationEnded(): void {
    this.hostOperations--;
  }
}

/** Runs a program; returns its log. */
async function perform(seed: number, features: ReadonlySet<string>): Promise<string[]> {
  const balance = new Balance();
  let program: Program | undefined;
  await simulate(async (sim) => {
    const mine = program = new Program(() => sim.random(), features);
    let error: unknown;
    const before = currentRun().statistics();
    try {
      // In a scope, at the end of which waits that were forgotten end.
      await new CancelScope().run(() =>
        mine.within("program", new Block("main", null), (block) => mine.steps(block, 0))
      );
    } catch (thrown) {
      error = thrown;
    }
    // They are over, but what they have failed with has to get around.
    await Promise.all(mine.forgotten);
    const after = currentRun().statistics();
    assertEquals([after.tasksLiving, after.tasksRunning], [before.tasksLiving, before.tasksRunning], "tasks are left");
    assert(currentNode().firstChild === null, "blocks are left");
    assert(currentNode().waiters === null, "waits are left");
    assertEquals(mine.faults, []);
    const seen = [error, ...mine.caught].flatMap(plannedIn);
    const numbers = (errors: readonly Planned[]) => errors.map(({ message }) => Number(message)).sort((a, b) => a - b);
    assertEquals(numbers([...new Set(seen)]), numbers(mine.thrown), "errors are lost");
    // Whoever joins a task is told of its error as well.
    if (!features.has("join")) assertEquals(numbers(seen), numbers(mine.thrown), "errors are told twice");
    if (error !== undefined) assert(!isCancelled(error), "a cancellation has left everything");
  }, { seed, leaks: { forgottenWaits: "ignore" }, instruments: [balance] });
  assertEquals([balance.tasks, balance.waits, balance.hostOperations], [0, 0, 0], "what began has not ended");
  return program!.log;
}

for (const features of [[], ["swallow"], ["join"], ["forget"], ["combine"], ["swallow", "join", "forget"]]) {
  const also = features.length === 0 ? "" : `, with steps that ${features.join(", ")}`;
  Deno.test(`model: programs at random end, lose nothing and leave nothing${also}`, async () => {
    const faults: string[] = [];
    for (let seed = 1; seed <= PROGRAMS; seed++) {
      try {
        const log = await perform(seed, new Set(features));
        if (seed % 10 === 0) {
          assertEquals(await perform(seed, new Set(features)), log, "it goes another way the next time");
        }
      } catch (error) {
        faults.push(`seed ${seed}: ${error}`);
      }
    }
    if (faults.length > 0) throw new Error(`${faults.length} programs:\n${faults.slice(0, 5).join("\n")}`);
  });
}
