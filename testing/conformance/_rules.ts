/**
 * What the conformance suites share: how a rule is run, how long, and what is said when it is broken.
 *
 * In simulated time every rule is a simulation of its own, so that a wait nothing can end is noticed at once, and a
 * rule that has failed leaves nothing behind for the next. In real time there is a timeout instead; and as a broken
 * resource may ignore cancellation, too, a rule that has not ended some time after it is left as it is.
 */

import { failureOf, hostClear, ignore, NOTHING, requireFunction, requireTimeout } from "../../core/internal.ts";
import {
  BrokenResourceError,
  BusyResourceError,
  ClosedResourceError,
  DeadlockError,
  EndOfChannel,
  failAfter,
  isCancelled,
  isErrorGroup,
  moveOnAfter,
  type Nursery,
  openNursery,
  sleep,
  type Task,
  TooSlowError,
} from "../../core/mod.ts";
import { requireKnown, requireWord } from "../base/check.ts";
import { realTimer } from "../base/real_timer.ts";
import { checkSimulateOptions } from "../driver/simulate_options.ts";
import { type CheckOptions, RuleError, type StepContext } from "./conformance.ts";
import { simulate } from "../time/simulate.ts";

/** How long to wait after the timeout of a rule for its cleanup, in real milliseconds. */
const CLEANUP = 250;
/** How long operations over real sockets of this machine get to block or to arrive, in real milliseconds. */
const SETTLE = 5;

/** How often to settle before an operation counts as blocked: half a second in real time. */
const PATIENCE = 100;

/** One rule. */
export interface Rule<R> {
  /** What must be true, as the name of the step. */
  readonly name: string;
  /** Tries it on a new one of what is checked; throws if it is not so. */
  check(bench: Trial, subject: R): Promise<void>;
}

/** A rule with what it is tried on. */
export interface BoundRule {
  readonly name: string;
  run(bench: Trial): Promise<void>;
}

/** Says on what rules are tried: `make` is called anew for each. */
export function bind<R>(
  rules: readonly Rule<R>[],
  make: (bench: Trial) => R | Promise<R>,
  suffix = "",
): readonly BoundRule[] {
  return rules.map((rule) => ({
    name: rule.name + suffix,
    run: async (bench) => await rule.check(bench, await make(bench)),
  }));
}

/** Something that is closed at the end of its rule. */
export interface Closeable {
  close(): void | Promise<void>;
}

/** What a rule tries things with. */
export interface Trial {
  /** Closes something in the end, whatever happens. */
  closeLater(...resources: Closeable[]): void;
  /** Waits until the other tasks wait, or have had the time to. */
  settle(): Promise<void>;
  /**
   * Runs a body that starts tasks; if it throws, everything is closed, so that tasks which ignore cancellation end,
   * too.
   */
  tasks(body: (start: <T>(fn: () => Promise<T>) => Attempt<T>) => Promise<void>): Promise<void>;
  /** The rule is broken: says how. */
  fail(finding: string, options?: ErrorOptions): never;
  /** Requires something, and says what is the case otherwise. */
  require(condition: unknown, finding: string): asserts condition;
  /** Runs an operation and requires that it fails with this class. */
  rejects(what: string, fn: () => unknown, Class: ErrorClass): Promise<Error>;
  /** Runs an operation in a cancelled scope and requires that it throws `Cancelled`. */
  refuses(what: string, fn: () => Promise<unknown>): Promise<void>;
  /** Requires that the attempt ends before long, and returns its value; otherwise the finding is said. */
  ends<T>(finding: string, attempt: Attempt<T>): Promise<T>;
  /** Requires that the attempt ends before long, with an error of this class. */
  failsWith(what: string, attempt: Attempt<unknown>, Class: ErrorClass): Promise<void>;
}

/** An operation that runs in a task of its own. Its error is its outcome, and fails nothing. */
export interface Attempt<T> {
  /** How it ended, or `null`. */
  readonly outcome: Outcome<T> | null;
  /** Waits until it has ended. */
  end(): Promise<Outcome<T>>;
  /** Waits until it has ended, and returns its value or throws its error. */
  value(): Promise<T>;
}

type Outcome<T> = { readonly value: T } | { readonly error: unknown };

// deno-lint-ignore no-explicit-any -- classes of errors, whatever their constructors take
type ErrorClass = abstract new (...args: any[]) => Error;

/** Runs every rule as a step. */
export async function checkRules(
  steps: StepContext,
  rules: Iterable<BoundRule>,
  options: CheckOptions,
): Promise<void> {
  for (const rule of rules) await steps.step(rule.name, () => runRule(rule, options));
}

/** Checks what every suite takes; `further` are the names of the options that only this one has. */
export function requireCheckArguments(
  action: string,
  { steps, make, options }: { readonly steps: StepContext; readonly make: unknown; readonly options: CheckOptions },
  further: readonly string[] = [],
): void {
  requireFunction(action, "steps.step", steps?.step);
  requireFunction(action, "make", make);
  requireKnown(action, options, ["time", "timeout", "simulation", ...further]);
  const { time, timeout = 0, simulation } = options;
  requireWord(action, "time", time, ["simulated", "real"]);
  requireTimeout(action, "timeout", timeout);
  if (simulation !== undefined) checkSimulateOptions(simulation);
}

async function runRule(rule: BoundRule, { time = "simulated", timeout, simulation }: CheckOptions): Promise<void> {
  const bench = new RuleBench(() => sleep(SETTLE));
  try {
    if (time === "simulated") {
      await simulate((sim) => {
        bench.settle = () => sim.settled();
        // No timeout unless asked for: it would be something to wake up for, and a hang would not be seen as one.
        return timeout === undefined ? bench.run(rule) : failAfter(timeout, () => bench.run(rule));
      }, simulation);
    } else {
      const ms = timeout ?? 5_000;
      await boundedBy(ms + CLEANUP, failAfter(ms, () => bench.run(rule)));
    }
  } catch (error) {
    // The caller was cancelled, and no rule is broken.
    if (bench.finding === null && failureOf(error) === NOTHING) throw error;
    const cause = bench.finding ?? innermost(error);
    throw new RuleError(rule.name, bench.finding?.message ?? textOf(cause), { cause: bench.finding?.cause ?? cause });
  }
}

/** Leaves a promise behind that takes too long. */
async function boundedBy(ms: number, promise: Promise<void>): Promise<void> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = realTimer(() => reject(new TooSlowError(`Cannot wait longer as ${ms}ms have passed`)), ms);
  try {
    await Promise.race([promise, late]);
  } finally {
    hostClear(timer);
  }
}

/** What a rule found. */
class Finding extends Error {}

class RuleBench implements Trial {
  /** The first thing found: what happens during cleanup after it must not hide it. */
  finding: Finding | null = null;
  settle: () => Promise<void>;
  readonly #resources: Closeable[] = [];
  /** Those whose `close()` waits. Nothing fails in it. */
  readonly #closing: Promise<void>[] = [];

  constructor(settle: () => Promise<void>) {
    this.settle = settle;
  }

  async run(rule: BoundRule): Promise<void> {
    try {
      await rule.run(this);
    } finally {
      this.#closeAll();
      if (this.#closing.length > 0) await Promise.all(this.#closing);
    }
  }

  closeLater(...resources: Closeable[]): void {
    this.#resources.push(...resources);
  }

  async tasks(body: (start: <T>(fn: () => Promise<T>) => Attempt<T>) => Promise<void>): Promise<void> {
    await openNursery(async (nursery) => {
      try {
        await body((fn) => new TaskAttempt(nursery, fn));
      } catch (error) {
        this.#closeAll();
        throw error;
      }
    });
  }

  fail(finding: string, options?: ErrorOptions): never {
    const error = new Finding(finding, options);
    this.finding ??= error;
    throw error;
  }

  require(condition: unknown, finding: string): asserts condition {
    if (!condition) this.fail(finding);
  }

  async rejects(what: string, fn: () => unknown, Class: ErrorClass): Promise<Error> {
    let pending: unknown;
    try {
      pending = fn();
    } catch (error) {
      this.fail(`${what} threw at once instead of returning a promise that rejects: ${textOf(error)}`, {
        cause: error,
      });
    }
    return this.#requireError(what, await outcomeOf(async () => await pending), Class);
  }

  async refuses(what: string, fn: () => Promise<unknown>): Promise<void> {
    let outcome: Outcome<unknown> | undefined;
    await moveOnAfter(Infinity, async (scope) => {
      scope.cancel();
      outcome = await outcomeOf(fn);
    });
    if (outcome === undefined || "value" in outcome) {
      this.fail(`${what} went through in a cancelled scope instead of throwing Cancelled`);
    }
    if (!isCancelled(outcome.error)) {
      this.fail(`${what} threw in a cancelled scope, but not Cancelled: ${textOf(outcome.error)}`, {
        cause: outcome.error,
      });
    }
  }

  async failsWith(what: string, attempt: Attempt<unknown>, Class: ErrorClass): Promise<void> {
    await this.#requireEnd(`it did not: ${what} is still blocked`, attempt);
    this.#requireError(what, await attempt.end(), Class);
  }

  async ends<T>(finding: string, attempt: Attempt<T>): Promise<T> {
    await this.#requireEnd(finding, attempt);
    return await attempt.value();
  }

  async #requireEnd(finding: string, attempt: Attempt<unknown>): Promise<void> {
    // What goes over a real socket may need some more time.
    for (let i = 0; i < PATIENCE && attempt.outcome === null; i++) await this.settle();
    if (attempt.outcome === null) this.fail(finding);
  }

  #requireError(what: string, outcome: Outcome<unknown>, Class: ErrorClass): Error {
    if ("value" in outcome) this.fail(`${what} returned ${show(outcome.value)} instead of throwing ${Class.name}`);
    const { error } = outcome;
    // The suite does not cancel it here: the time was up, or nothing could ever end it.
    if (isCancelled(error)) this.fail(`${what} hung instead of throwing ${Class.name}`, { cause: error });
    if (!(error instanceof Class)) {
      this.fail(`${what} threw ${textOf(error)} instead of ${Class.name}`, { cause: error });
    }
    return error;
  }

  #closeAll(): void {
    for (const resource of this.#resources.splice(0)) {
      try {
        const closing = resource.close();
        if (closing instanceof Promise) this.#closing.push(closing.catch(ignore));
      } catch {
        // What close() does is the business of the rules about close().
      }
    }
  }
}

class TaskAttempt<T> implements Attempt<T> {
  outcome: Outcome<T> | null = null;
  readonly #task: Task<Outcome<T>>;

  constructor(nursery: Nursery, fn: () => Promise<T>) {
    this.#task = nursery.startSoon(async () => this.outcome = await outcomeOf(fn));
  }

  end(): Promise<Outcome<T>> {
    return this.#task.join();
  }

  async value(): Promise<T> {
    const outcome = await this.end();
    if ("error" in outcome) throw outcome.error;
    return outcome.value;
  }
}

async function outcomeOf<T>(fn: () => Promise<T>): Promise<Outcome<T>> {
  try {
    return { value: await fn() };
  } catch (error) {
    return { error };
  }
}

/** The first error in groups in groups. */
function innermost(error: unknown): unknown {
  return isErrorGroup(error) ? innermost(error.errors[0]) : error;
}

const OURS: readonly ErrorClass[] = [
  BrokenResourceError,
  BusyResourceError,
  ClosedResourceError,
  EndOfChannel,
];

/** An error as part of a sentence. */
export function textOf(error: unknown): string {
  if (error instanceof DeadlockError) return `it hung: nothing can ever wake up\n${tree(error.message)}`;
  if (error instanceof TooSlowError) return "it hung: the timeout has passed";
  if (!(error instanceof Error)) return `${show(error)}, which is no error`;
  return OURS.some((Class) => error instanceof Class) ? `${error.name} ("${error.message}")` : String(error);
}

/** The tasks in the report of a deadlock; what became of cleanup is of no interest here. */
function tree(message: string): string {
  return message.replace(/^.*\n/, "").replace(/\nand cleanup got stuck:[^]*/, "");
}

/** A value as part of a sentence. */
export function show(value: unknown): string {
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}
