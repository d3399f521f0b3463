/**
 * The end of a block in which something is still going on: somebody has forgotten an `await`.
 *
 *     body is over ──nothing below its node──▶ closed
 *          └── scopes, nurseries, starts below it ──▶ they are cancelled ──▶ waited for ──▶ closed; the block fails
 *
 * Nothing outlives its block, so the block waits; and as nobody knows of a promise that nobody awaits, it then fails
 * with an error that names it. If the body has failed, or the block is cancelled, that is what leaves: its other
 * halves, as of a `Promise.all()`, are mostly no mistake. Trio, whose blocks cannot be forgotten, has no counterpart.
 *
 * A shield in what was forgotten does not hold, or the block might wait for ever; but it does if the body has failed,
 * as it may protect cleanup.
 */

import type { StatusNode } from "./node.ts";
import { endNode, liftShields, tellForgotten, whenEmpty } from "./status.ts";
import { UNABORTABLE, Waiter } from "./waiter.ts";
import { placeOf, plainPlace } from "../base/place.ts";
import { taskText } from "../base/task_text.ts";

/** How what was forgotten is called in messages, once it has been waited for. */
export interface Forgotten {
  readonly names: readonly string[];
  /** Where it was opened, as far as that was recorded. */
  readonly places: readonly string[];
}

/** Who cleans up opens a block after the other, but not for ever: what goes on and on under shields is cut short. */
const MOST_ROUNDS = 16;

/**
 * Ends what is still going on in a node, and waits until nothing is left below it. `shields`: whether those in it hold,
 * as the body has failed, and they may protect the cleanup of its other halves.
 */
export async function linger(node: StatusNode, shields: boolean): Promise<Forgotten> {
  const names: string[] = [];
  const places: string[] = [];
  for (let below = node.firstChild; below !== null; below = below.next) {
    const place = placeOf(below.site);
    names.push(nameOf(below, place));
    if (place !== undefined) places.push(place);
  }
  names.reverse();
  places.reverse();
  tellForgotten(node);
  endNode(node);
  if (!shields) liftShields(node);
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const waiter = new Waiter<void>(node, { kind: "forgotten await", label: () => names.join(", ") }, UNABORTABLE);
    // Whoever waited in it, or for it, goes on first, and may open something to clean up.
    const ended = (): void => node.task.runtime.turns.later({ after: null, settle: () => void waiter.wake() });
    if (node.firstChild === null) ended();
    else whenEmpty(node, ended);
    await waiter.begun();
    if (node.firstChild === null) break;
  }
  return { names, places };
}

/** The error of a block whose body has returned although something was going on in it. */
export function forgottenAwait(block: string, { names, places }: Forgotten): TypeError {
  const error = new TypeError(
    `Cannot leave ${block} as everything that is opened in it must have ended: ${names.join(", ")} ${
      names.length === 1 ? "was" : "were"
    } still open, and cancelled (an "await" is missing)`,
  );
  // Its own frames show how the library ends a block. Those of interest are the calls that were not awaited.
  if (places.length > 0) error.stack = `TypeError: ${error.message}${places.map((at) => `\n    at ${at}`).join("")}`;
  return error;
}

function nameOf(node: StatusNode, place: string | undefined): string {
  const at = place === undefined ? "" : ` (opened at ${plainPlace(place)})`;
  if (node.task === node) return `nursery.start() of ${taskText(node.task)}${at}`;
  const { label } = node;
  return `${typeof label === "string" ? label : `nursery "${label.name}"`}${at}`;
}
