/** What stands for functions of the program among the arguments of a call. */

/** A function of the program that goes to a worker. */
export interface Callback {
  readonly fn: (...args: never[]) => unknown;
  readonly blocking: boolean;
}

const marked = new WeakMap<object, Callback>();

/** Notes that a function stands for one of the program. */
export function markCallback(standIn: object, callback: Callback): void {
  marked.set(standIn, callback);
}

/** The function of the program that an argument stands for; `null` if it is none. */
export function callbackOf(value: unknown): Callback | null {
  return typeof value === "function" ? marked.get(value) ?? null : null;
}
