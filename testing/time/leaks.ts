/** What to do about things that a simulation leaves behind. */

/**
 * What can be left behind: timers that would move time (`setTimeout()` and its kin), operations of the host in flight,
 * resources that are still open (streams, listeners), and waits of the library that nobody awaited.
 *
 * @category Simulation
 */
export type LeakKind = "timers" | "hostOperations" | "resources" | "forgottenWaits";

/**
 * What to do about a leak: fail the test, print a warning, or nothing.
 *
 * @category Simulation
 */
export type LeakPolicy = "error" | "warn" | "ignore";

/**
 * What to do about each kind of leak. A kind that is left out is an error, except for `forgottenWaits`: a warning.
 *
 * @category Simulation
 */
export type LeakPolicies = { readonly [kind in LeakKind]?: LeakPolicy };
