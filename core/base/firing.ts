/** Whether an alarm is being fired: what is woken meanwhile, time has woken. */

/** How many are, one within the other. */
let depth = 0;

/** An alarm is about to be fired. */
export function firingBegins(): void {
  depth++;
}

/** It was fired. */
export function firingEnds(): void {
  depth--;
}

/** See the header. */
export function isClockFiring(): boolean {
  return depth > 0;
}
