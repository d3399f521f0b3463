/**
 * A campaign: a body is run again and again, in another order each time, until a run fails or there were enough.
 *
 *     run 0        first come, first served, as without exploring
 *     run 1        the same task goes on as long as it can
 *     a third      one delay each: at every step at which there was a choice, or evenly spread over them
 *     the rest     any order, and two or three delays, in turn
 *
 * A run that failed is repeated pick by pick. If that is the same run, its schedule is made smaller, and played once
 * more with places, for the report. Otherwise something else than the schedule decides, which the report says.
 */

import { eachLeaf, failureOf, hostNow, NOTHING, read, textOf } from "../../core/internal.ts";
import { ambientDriver } from "../driver/ambient.ts";
import { patchGlobals } from "../driver/globals.ts";
import { judge, withTrace } from "../driver/judge.ts";
import { fatalLeaks, judgeLeaks } from "../driver/leaks.ts";
import { seededRandom } from "../driver/random.ts";
import { type Ending, simulateAt } from "../driver/simulation.ts";
import type { Site } from "../driver/sites.ts";
import { ExploreError } from "../explore/explore_error.ts";
import type { ExploreReport } from "../explore/explore_options.ts";
import type { Simulation } from "../time/simulation.ts";
import { isSame } from "./candidates.ts";
import { type Canceller, Course, type CourseOptions } from "./course.ts";

import { formatReplay, type Switch } from "./replay_string.ts";
import type { ExploreSettings } from "./settings.ts";
import { shrink } from "./shrink.ts";
import { Story } from "./story.ts";
import { atRandom, delaying, exactly, inOrder, runOn, type Strategy, switching } from "./strategies.ts";

type Body = (sim: Simulation) => unknown;

/** One run and what came of it. */
interface Played {
  readonly course: Course;
  readonly finding: Finding | null;
  readonly ending: Ending<unknown>;
}

/** Why a run failed. */
interface Finding {
  readonly text: string;
  readonly error: unknown;
}

const SHRINKING = { runs: 400, time: 2_000, now: hostNow };
/** Sets the random numbers of the campaign apart from those of the simulation. */
const SOURCE = 0x4578706c;

/** Explores a body, whose test is written at a place. */
export async function exploreAt(origin: Site | null, body: Body, settings: ExploreSettings): Promise<ExploreReport> {
  // Once for all runs: to put the globals back and forth takes longer than a small run.
  const unpatch = patchGlobals(ambientDriver);
  try {
    return await new Campaign(origin, body, settings).run();
  } finally {
    unpatch();
  }
}

class Campaign {
  readonly #origin: Site | null;
  readonly #body: Body;
  readonly #settings: ExploreSettings;
  #steps = 0;

  constructor(origin: Site | null, body: Body, settings: ExploreSettings) {
    this.#origin = origin;
    this.#body = body;
    const { replay, simulation } = settings;
    this.#settings = replay === null ? settings : { ...settings, simulation: { ...simulation, seed: replay.seed } };
  }

  async run(): Promise<ExploreReport> {
    const { runs, replay, cancel, time, simulation: { leaks } } = this.#settings;
    if (replay !== null) {
      const { switches } = replay;
      const { finding } = await this.#play({ ...replaying(switches), ...this.#late(replay.run) });
      if (finding === null) return { runs: 1, steps: this.#steps };
      throw await this.#failure(finding, switches, { when: "in the run that was asked for", run: replay.run });
    }
    const first = await this.#play({ strategy: inOrder, random: this.#random(0) });
    if (first.finding !== null) await this.#plain(first);
    judgeLeaks(first.ending.leaks, leaks);
    const { choices } = first.course;
    // Nothing else could happen.
    if (choices.length === 0 && cancel === false && time === 0) return { runs: 1, steps: this.#steps };
    const singles = spread(choices, Math.floor(runs / 3));
    const length = first.course.picks.length;
    for (let run = 1; run < runs; run++) {
      const random = this.#random(run);
      const options: CourseOptions = {
        strategy: this.#strategyOf(run, singles, { random, choices }),
        ...this.#late(run),
        cancels: cancel === false ? null : cancelling(Math.ceil(random() * length), random, cancel),
      };
      const played = await this.#play(options);
      if (played.finding !== null) await this.#report(played, run);
    }
    return { runs, steps: this.#steps };
  }

  #strategyOf(
    run: number,
    singles: readonly number[],
    { random, choices }: { readonly random: () => number; readonly choices: readonly number[] },
  ): Strategy {
    if (run === 1) return runOn;
    const single = singles[run - 2];
    if (single !== undefined) return delaying([single]);
    if (run % 2 === 0) return atRandom(random);
    const any = (): number => choices[Math.floor(random() * choices.length)] ?? 0;
    return delaying([any(), any(), ...(random() < 0.5 ? [any()] : [])]);
  }

  /** Random numbers of a run, so that one more run moves those of no other. */
  #random(run: number, source = 0): () => number {
    const { simulation: { seed } } = this.#settings;
    const random = seededRandom(seed, (SOURCE ^ Math.imul(run + 1, 0x9e3779b1) ^ source) >>> 0);
    // The first numbers of seeds that are near each other are near, too.
    random();
    return random;
  }

  /** How late the alarms of a run are: what a replay of it needs. */
  #late(run: number): Pick<CourseOptions, "lateness" | "random"> {
    const { time } = this.#settings;
    return { lateness: run === 0 ? 0 : time, random: this.#random(run, 1) };
  }

  async #play(options: CourseOptions, story: Story | null = null): Promise<Played> {
    const { simulation } = this.#settings;
    const course = new Course(options);
    const instruments = [course, ...(story === null ? [] : [story]), ...simulation.instruments];
    // Of all runs, that with a story is told.
    const trace = story === null ? undefined : simulation.trace;
    const ending = await simulateAt(this.#origin, this.#body, { ...simulation, instruments, trace }, {
      steering: course,
    });
    this.#steps += course.picks.length;
    // The caller was cancelled.
    if (failureOf(ending.error) === NOTHING && ending.error !== NOTHING) throw ending.error;
    return { course, ending, finding: findingOf(ending, simulation.leaks) };
  }

  /** The first run failed: then so does a plain simulation, whose error needs nothing added. */
  async #plain({ finding }: Played): Promise<void> {
    const { simulation } = this.#settings;
    await judge(await simulateAt(this.#origin, this.#body, simulation), simulation);
    throw unreproducible(finding as Finding, "a simulation without exploring did not fail");
  }

  async #report({ course, finding }: Played, run: number): Promise<never> {
    const found = finding as Finding;
    const { runs } = this.#settings;
    let divergedAt = 0;
    const late = this.#late(run);
    const again = await this.#play({
      ...late,
      strategy: exactly(course.picks, (step) => divergedAt = step),
      cancels: replayingCancels(course.switches),
    });
    const where = firstDifference(course, again.course) || divergedAt;
    if (where > 0 || again.finding === null) {
      const what = where > 0
        ? `step ${where} resumed ${again.course.labelAt(where)}, not ${course.labelAt(where)}`
        : "the same schedule did not fail";
      throw unreproducible(found, what);
    }
    const kind = kindOf(found);
    const smallest = await shrink(course.switches, async (switches) => {
      const { finding } = await this.#play({ ...late, ...replaying(switches) });
      return finding !== null && kindOf(finding) === kind;
    }, SHRINKING);
    throw await this.#failure(found, smallest, { when: `in run ${run} of ${runs}`, run });
  }

  /** The failure, told with the places of a run that is made for that. */
  async #failure(
    found: Finding,
    switches: readonly Switch[],
    { when, run }: { readonly when: string; readonly run: number },
  ): Promise<ExploreError> {
    const { time, simulation: { seed } } = this.#settings;
    const story = new Story();
    const { finding, ending } = await this.#play({
      ...this.#late(run),
      ...replaying(switches),
      places: true,
      watch: (id) => story.step(id),
    }, story);
    const { text, error } = finding ?? found;
    const replay = formatReplay({ seed, run: time === 0 ? 0 : run, switches });
    const many = switches.length === 0
      ? "lets each task go on as long as it can"
      : `has ${switches.length === 1 ? "1 switch" : `${switches.length} switches`} from one task to another`;
    const message = `Cannot accept the body as it must hold under every schedule: ${text}\n  ${when} (seed ${seed}); ` +
      `the smallest schedule found ${many}\n${story}\n` +
      `  to run it again: deno test … -- --sim=replay:${replay}, or { replay: "${replay}" }`;
    return new ExploreError(withTrace(message, await ending.writeTrace(text)), { cause: error, replay });
  }
}

function findingOf({ error, leaks }: Ending<unknown>, policy: ExploreSettings["simulation"]["leaks"]): Finding | null {
  const left = fatalLeaks(leaks, policy);
  if (error !== NOTHING) {
    return { text: left === "" ? textOf(error) : `${textOf(error)}\n  and its body ${left}`, error };
  }
  return left === "" ? null : { text: `its body ${left}`, error: undefined };
}

/** By class, as the numbers in messages differ. */
function kindOf({ error, text }: Finding): string {
  if (error === undefined) return text.split(":")[0] as string;
  let name = "";
  eachLeaf(error, (leaf) => {
    name = `${read(leaf, "name")}`;
    return false;
  });
  return name;
}

function unreproducible({ text, error }: Finding, what: string): ExploreError {
  return new ExploreError(
    `Cannot accept the body as it must hold under every schedule: ${text}\n  not reproducible: ${what}. Something else ` +
      "than the schedule decides: what a run leaves behind in variables of the module or in globals, random numbers or " +
      "times taken outside, operations of the host, promises the library does not own",
    { cause: error, replay: null },
  );
}

function firstDifference({ picks }: Course, other: Course): number {
  const longest = Math.max(picks.length, other.picks.length);
  for (let i = 0; i < longest; i++) if (!isSame(picks[i], other.picks[i])) return i + 1;
  return 0;
}

/** At most so many of the steps, evenly spread. */
function spread(steps: readonly number[], most: number): readonly number[] {
  if (steps.length <= most) return steps;
  return Array.from({ length: most }, (_, i) => steps[Math.floor((i + 0.5) * steps.length / most)] as number);
}

function replaying(switches: readonly Switch[]): Pick<CourseOptions, "strategy" | "cancels"> {
  return { strategy: switching(switches), cancels: replayingCancels(switches) };
}

/** Cancels one of the tasks at a step; at a later one if there is none yet. */
function cancelling(at: number, random: () => number, names: true | readonly string[]): Canceller {
  let done = false;
  return (tasks, _usual, step) => {
    if (done || step < at) return null;
    const known = names === true ? tasks : tasks.filter(({ name }) => names.includes(name));
    const victim = known[Math.floor(random() * known.length)];
    done = victim !== undefined;
    return victim?.id ?? null;
  };
}

function replayingCancels(switches: readonly Switch[]): Canceller | null {
  const left = switches.filter(({ cancels }) => cancels);
  if (left.length === 0) return null;
  return (_tasks, { id, turn }) => {
    const at = left.findIndex(({ from, turn: when }) => from === id && when === turn);
    return at < 0 ? null : (left.splice(at, 1)[0] as Switch).to.id;
  };
}
