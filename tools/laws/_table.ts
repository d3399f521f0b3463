/** The one list of everything exported that returns a promise, and how each is called. */

import { CORE } from "./_core_recipes.ts";
import { NET } from "./_net_recipes.ts";
import { OS } from "./_os_recipes.ts";
import type { AnyRecipe } from "./_recipe.ts";
import { TESTING } from "./_testing_recipes.ts";

/** By the exported name; a note in parentheses after it tells several recipes for one name apart. */
export const RECIPES: Readonly<Record<string, AnyRecipe>> = { ...CORE, ...NET, ...OS, ...TESTING };

/** Listed, and not described: the next one has to be looked at. */
const callbacks = names(
  [
    "CheckListenerOptions.over",
    "CheckTwoWayStreamOptions.over",
    "SweepFaultsOptions.after",
    "SweepFaultsOptions.setup",
    "SweepOptions.after",
    "SweepOptions.setup",
  ],
  [
    "PoolOptions.check",
    "PoolOptions.open",
    "MemoryStreamHooks.beforeReceive",
    "MemoryStreamHooks.beforeSend",
    "HandshakeOptions.onHandshakeError",
  ],
  ["ServeHttpOptions", "ServeOptions", "ServeTcpOptions", "ServeUnixOptions"].map((type) => `${type}.onHandlerError`),
);
const madeByUsers = /^callback$/;
const suites = names(
  ["assertCancellable", "assertCheckpoints", "assertFair", "assertNoCheckpoints"],
  ["checkChannel", "checkHalfCloseableStream", "checkListener", "checkOneWayStream", "checkTwoWayStream"],
);

function names(...lists: readonly string[][]): RegExp {
  return new RegExp(`^(?:${lists.flat().map(RegExp.escape).join("|")})$`);
}

/** Names without a recipe, and why. */
export const EXCEPTIONS: readonly (readonly [names: RegExp, why: string])[] = [
  [
    /^(?:Network(?:Conn|DatagramSocket|Listener|TlsConn)?|NetworkHttp(?:RequestInfo|Server)?|HostProcess(?:Input|Output)?|Worker(?:Host|Port))\./,
    "the seam to a host: its maker decides what it does",
  ],
  [callbacks, "a callback of the user's, which the library calls"],
  [/^(?:Checked\w+|FairLock|StepContext)\./, "what the user brings along for a suite of checks"],
  [/^(?:(?:RunView\.)?taskTree|Watchdog\.look)$/, "a look, which takes a microtask, and is no wait"],
  [
    /^Monitor\./,
    "it is outside of all scopes, so that it can show one that is cancelled: see tools/process_tests/monitor_test.ts",
  ],
  [madeByUsers, "calls the function that it was given"],
  [suites, "a suite of checks, in simulations of its own"],
  [/^(?:explore|simulate|simulated|sweepCancel|sweepFaults)$/, "simulations, which are in no scope"],
  [/^(?:Send|Receive)Channel\./, "the contract of channels, each of which has recipes"],
  [/^Stream\./, "adds nothing to SendStream and ReceiveStream"],
];

/** The exported name that a recipe is for. */
export function exportedName(key: string): string {
  return key.replace(/ \(.*\)$/, "");
}

/** The ways of calling upon something long-lived that must keep nothing. */
export const PARTS = ["ready", "waiting", "refused"] as const;
export type Part = (typeof PARTS)[number];

/** Whether a recipe can be called so, any number of times. */
export function isMeasured(recipe: AnyRecipe, part: Part): boolean {
  return typeof recipe[part] === "function" && !(part === "waiting" && recipe.spoilt === true);
}
