/**
 * What somebody has forgotten in a block, and what becomes of the block: see `RunOptions.forgotten`.
 *
 *     the body has returned ──nothing is open──▶ closed
 *        ├── blocks are open ──▶ cancelled, and waited for (`linger.ts`) ──▶ an error, or a warning
 *        └── waits are open ──▶ they end with the block ──▶ a warning, or an error
 *
 * If the body has failed, or the block is cancelled, that is what leaves: its other halves, as of a `Promise.all()`, are
 * mostly no mistake. And a wait may be what has lost a `Promise.race()`: so it is an error only if somebody says so.
 */

import { placeOf, plainPlace } from "../base/place.ts";
import { taskText } from "../base/task_text.ts";
import { linger, namesOf } from "./linger.ts";
import type { ForgottenThing, StatusNode, TaskNode } from "./node.ts";
import { kindOf, labelOf, waitText } from "./wait_text.ts";
import type { WaitSites } from "./wait_sites.ts";

type Rule = "error" | "warn" | "ignore";

/** What waits for the blocks that are told of. */
const INNER = new Set(["nursery.start", "forgotten await"]);
/** Places that are told of; a program that forgets more than that knows it. */
const MOST_TOLD = 1_000;
const NOTHING_FORGOTTEN: readonly ForgottenThing[] = [];

/**
 * Ends what is still open in a block, so that it can be closed. `well`: its body has returned, and nothing has cancelled
 * it. `waitsAreMeant`: what waits in it may do so until it ends. Returns the error that the block fails with, if it
 * does.
 */
export function leave(
  node: StatusNode,
  block: string,
  well: boolean,
  waitsAreMeant = false,
): TypeError | null | Promise<TypeError | null> {
  const waits = well && !waitsAreMeant ? waitsIn(node) : NOTHING_FORGOTTEN;
  if (node.firstChild === null) return judge(node, block, waits);
  return linger(node, !well).then((blocks) => well ? judge(node, block, [...blocks, ...waits]) : null);
}

/** The waits that are open in a block, oldest first. */
function waitsIn(node: StatusNode): readonly ForgottenThing[] {
  if (node.waiters === null) return NOTHING_FORGOTTEN;
  const { sites } = node.task.runtime.forgotten;
  const found: ForgottenThing[] = [];
  for (let wait = node.waiters as StatusNode["waiters"]; wait !== null; wait = wait.next) {
    const kind = kindOf(wait.reason);
    if (INNER.has(kind)) continue;
    const place = placeOf(sites.siteOf(wait));
    if (place === undefined) sites.want(kind, node.task);
    found.push({ isWait: true, kind, text: waitText(kind, labelOf(wait.reason)), place });
  }
  return found.reverse();
}

function judge(node: StatusNode, block: string, found: readonly ForgottenThing[]): TypeError | null {
  if (found.length === 0) return null;
  const { runtime } = node.task;
  // Whoever is to tell of the next one with its place has to hear of it.
  if (runtime.forgotten.sites.active) runtime.waitSites = runtime.forgotten.sites;
  const errors = found.filter((thing) => runtime.forgotten.judge(thing, node.task, block) === "error");
  return errors.length === 0 ? null : failure(block, errors);
}

/** The error of a block whose body has returned although something was going on in it. */
function failure(block: string, found: readonly ForgottenThing[]): TypeError {
  const error = new TypeError(
    `Cannot leave ${block} as everything that is opened in it must have ended: ${namesOf(found)} ${
      found.length === 1 ? "was" : "were"
    } still open, and cancelled (an "await" is missing)`,
  );
  const places = found.flatMap(({ place }) => place ?? []);
  // Its own frames show how the library ends a block. Those of interest are the calls that were not awaited.
  if (places.length > 0) error.stack = `TypeError: ${error.message}${places.map((at) => `\n    at ${at}`).join("")}`;
  return error;
}

/** The rules of a run. */
export class ForgottenRules {
  readonly sites: WaitSites;
  readonly #blocks: Rule;
  readonly #waits: Rule;
  readonly #told = new Set<string>();

  /** `silent`: somebody else tells of waits that were forgotten, unless a rule is given. */
  constructor(rule: Rule | undefined, sites: WaitSites, silent: boolean) {
    this.sites = sites;
    this.#blocks = rule ?? "error";
    this.#waits = rule ?? (silent ? "ignore" : "warn");
  }

  /** What the rule is for what was forgotten in a block; warns of it if that is the rule. */
  judge(thing: ForgottenThing, task: TaskNode, block: string): Rule {
    const rule = thing.isWait ? this.#waits : this.#blocks;
    if (rule === "warn") this.#warn(thing, task, block);
    return rule;
  }

  /** Once for each place; where that is not known, once for each kind of wait and name of a task. */
  #warn({ isWait, kind, text, place }: ForgottenThing, task: TaskNode, block: string): void {
    const key = place ?? `${kind} ${task.name} ${block}`.replace(/\d+/g, "0");
    if (this.#told.size >= MOST_TOLD || this.#told.has(key)) return;
    this.#told.add(key);
    const who = taskText(task);
    const started = task.spawnSite === undefined ? "" : ` (started at ${plainPlace(task.spawnSite)})`;
    const where = place === undefined ? "" : ` at ${plainPlace(place)}`;
    const race = isWait ? ", or Promise.race() has left it behind: use race()" : "";
    // deno-lint-ignore no-console -- it is a mistake that nothing else shows
    console.warn(
      `Trefoil: ${isWait ? "a wait" : "a block"} was forgotten: ${text} in ${who}${started} was open when ${
        block === who ? "the task" : block
      } ended, and was cancelled; an "await" is missing${where}${race}`,
    );
  }
}
