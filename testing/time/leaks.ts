/** What to do about things that a simulation leaves behind. */

/**
 * What can be left behind: timers that would move time (`setTimeout()` and its kin), operations of the host in flight,
 * memory streams and the like that were not closed, and waits of the library that nobody awaited.
 */
export type LeakKind = "timers" | "hostOperations" | "resources" | "forgottenWaits";

/** What to do about it: fail the test, say so on the console, or nothing. */
export type LeakPolicy = "error" | "warn" | "ignore";

/** What to do about each kind. Those not mentioned are errors, except for `forgottenWaits`, which are warned of. */
export type LeakPolicies = { readonly [kind in LeakKind]?: LeakPolicy };
