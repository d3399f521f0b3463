/**
 * The end of a block in which something is still going on: somebody has forgotten an `await`.
 *
 *     body is over ──nothing below its node──▶ closed
 *          └── scopes, nurseries, starts below it ──▶ they are cancelled ──▶ waited for ──▶ closed; the block fails
 *
 * Nothing outlives its block, so the block waits; and as nobody knows of a promise that nobody awaits, it then fails
 * with an error that names it: see `forgotten.ts`. Trio, whose blocks cannot be forgotten, has no counterpart.
 *
 * A shield in what was forgotten does not hold, or the block might wait for ever; but it does if the body has failed,
 * as it may protect cleanup.
 */

import type { ForgottenThing, StatusNode } from "./node.ts";
import { endNode, liftShields, tellForgotten, whenEmpty } from "./status.ts";
import { UNABORTABLE, Waiter } from "./waiter.ts";
import { placeOf, plainPlace } from "../base/place.ts";
import { taskText } from "../base/task_text.ts";

/** Who cleans up opens a block after the other, but not for ever: what goes on and on under shields is cut short. */
const MOST_ROUNDS = 16;

/**
 * Ends what is still going on in a node, and waits until nothing is left below it. `shields`: whether those in it hold,
 * as the body has failed, and they may protect the cleanup of its other halves.
 */
export async function linger(node: StatusNode, shields: boolean): Promise<readonly ForgottenThing[]> {
  const found: ForgottenThing[] = [];
  for (let below = node.firstChild; below !== null; below = below.next) {
    found.push({ isWait: false, kind: "block", text: nameOf(below), place: placeOf(below.site) });
  }
  found.reverse();
  tellForgotten(node);
  endNode(node);
  if (!shields) liftShields(node);
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const waiter = new Waiter<void>(node, { kind: "forgotten await", label: () => namesOf(found) }, UNABORTABLE);
    // Whoever waited in it, or for it, goes on first, and may open something to clean up.
    const ended = (): void => node.task.runtime.turns.later({ after: null, settle: () => void waiter.wake() });
    if (node.firstChild === null) ended();
    else whenEmpty(node, ended);
    await waiter.begun();
    if (node.firstChild === null) break;
  }
  return found;
}

/** What was forgotten, and where, as far as that is known. */
export function namesOf(found: readonly ForgottenThing[]): string {
  return found.map(({ text, place, isWait }) =>
    place === undefined ? text : `${text} (${isWait ? "begun" : "opened"} at ${plainPlace(place)})`
  ).join(", ");
}

function nameOf(node: StatusNode): string {
  if (node.task === node) return `nursery.start() of ${taskText(node.task)}`;
  const { label } = node;
  return typeof label === "string" ? label : `nursery "${label.name}"`;
}
