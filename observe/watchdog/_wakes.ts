/** How often tasks went on under a watchdog, for the monitor: a counter of its own would cost as much as the watchdog. */

/** Of each watchdog. */
export const wakesOf = new WeakMap<object, { count: number }>();
