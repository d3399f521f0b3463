/** What the types of workers are made of. */

/** Any function, for the sake of types. */
// deno-lint-ignore no-explicit-any -- its arguments are compared elsewhere
export type AnyFunction = (...args: any) => any;

/** What a generator, or something like it, gives; `never` for anything else. */
export type ItemOf<R> = R extends AsyncIterable<infer T> ? T : R extends Iterator<infer T> ? T : never;

/** Functions that return anything can be both. */
export type IfAny<F extends AnyFunction, K> = 0 extends 1 & ReturnType<F> ? K : never;
