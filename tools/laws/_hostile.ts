/** Values that somebody may throw, send or return, made to hurt whoever looks at them. */

import vm from "node:vm";
import { ErrorGroup, TooSlowError } from "../../core/mod.ts";
import { secondCopy } from "../_second_copy.ts";

/** How deep and wide trees of errors are. */
const DEEP = 50_000;
const WIDE = 10_000;
const SHARED = 1_000;

const boom = (): never => {
  throw new Error("A trap was sprung");
};

const TRAPS = [
  "apply",
  "construct",
  "defineProperty",
  "deleteProperty",
  "get",
  "getOwnPropertyDescriptor",
  "getPrototypeOf",
  "has",
  "isExtensible",
  "ownKeys",
  "preventExtensions",
  "set",
  "setPrototypeOf",
] as const;

const throwing: ProxyHandler<object> = Object.fromEntries(TRAPS.map((trap) => [trap, boom]));

function revoked(target: object): object {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
}

function errorWith(key: PropertyKey, descriptor: PropertyDescriptor, error: Error = new Error("Hostile")): Error {
  return Object.defineProperty(error, key, { configurable: true, ...descriptor });
}

/** Errors inside of each other, made without stacks: 50,000 of those take a second. */
function nested(wrap: (inner: unknown) => unknown, count = DEEP): unknown {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    let error: unknown = new Error("The innermost");
    for (let i = 0; i < count; i++) error = wrap(error);
    return error;
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

function group(...errors: unknown[]): ErrorGroup {
  return new ErrorGroup(errors);
}

function cyclicGroup(): ErrorGroup {
  const outer = group(new Error("One"));
  const inner = group(outer, new Error("Two"));
  outer.errors.push(inner, outer);
  return outer;
}

function cyclicCause(): Error {
  const [one, two] = [new Error("One"), new Error("Two")];
  one.cause = two;
  two.cause = one;
  return one;
}

function cyclicSuppressed(): SuppressedError {
  const error = new SuppressedError(null, null);
  return Object.assign(error, { error, suppressed: error });
}

const copy = await secondCopy();
const outcome = await copy.moveOnAfter(Infinity, async (scope) => {
  scope.cancel("theirs");
  await copy.sleepForever();
});
const theirs = outcome.cancelledCaught ? outcome.cancelled : boom();

const theirFailure = new Error("Theirs");
const theirGroup = new copy.ErrorGroup([theirs, theirFailure]);

const throwingKeys = ["name", "message", "stack", "errors", "cause", "then", "constructor", "error", "suppressed"];

/** By what they are. Made once: some take a while. */
export const HOSTILE: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ...[undefined, null, 0, NaN, "", "text", true, 10n, Symbol("symbol")].map((value) =>
    [`the ${typeof value} ${String(value)}`, value] as const
  ),
  ["an object without a prototype", Object.create(null)],
  ["a frozen object", Object.freeze({})],
  ["a frozen error", Object.freeze(new Error("Frozen"))],
  ["a frozen group", Object.freeze(group(new Error("Frozen")))],
  ["a function", () => 1],
  ["a DOMException", new DOMException("Aborted", "AbortError")],
  ["a plain group", group(new Error("One"), new TypeError("Two"))],
  ["a TooSlowError", new TooSlowError("Too slow")],

  ["a revoked proxy", revoked({})],
  ["a revoked proxy of an error", revoked(new Error("Hostile"))],
  ["a revoked proxy of a function", revoked(boom)],
  ["a revoked proxy of an array", revoked([])],
  ["a proxy that throws", new Proxy({}, throwing)],
  ["a proxy of an error that throws", new Proxy(new Error("Hostile"), throwing)],
  ["a proxy of a group that throws", new Proxy(group(new Error("Hostile")), throwing)],
  ["a proxy whose prototype throws", new Proxy({}, { getPrototypeOf: boom })],
  ["a proxy that is all it is asked for, but no promise", selfish()],
  ["a proxy that says true to everything", new Proxy({}, { get: () => true, has: () => true })],

  ...throwingKeys.map((key) => [`an error whose "${key}" throws`, errorWith(key, { get: boom })] as const),
  ["a group whose errors throw", errorWith("errors", { get: boom }, group(1))],
  ["a group whose message throws", errorWith("message", { get: boom }, group(1))],
  [
    "a group whose every text throws",
    ["name", "message", "stack", "cause"].reduce<Error>(
      (error, key) => errorWith(key, { get: boom }, error),
      group(1),
    ),
  ],
  ["an error that no text can be made of", errorWith(Symbol.toPrimitive, { value: boom })],
  ["an object whose toString() throws", { toString: boom, toJSON: boom }],
  ["an error with a stack that is no text", errorWith("stack", { value: { toString: boom } })],
  ["an error with a message that is no text", errorWith("message", { value: Symbol("message") })],
  ["an error with a name that is no text", errorWith("name", { value: Object.create(null) })],
  ["an error with then() that throws", errorWith("then", { value: boom })],
  [
    "an error with then() that calls back twice",
    errorWith("then", {
      value: (yes: (value: unknown) => void, no: (error: unknown) => void) => {
        yes(1);
        no(2);
      },
    }),
  ],
  [
    "an error with catch() and finally() that throw",
    Object.assign(new Error("Hostile"), { catch: boom, finally: boom }),
  ],

  ["a group in itself", cyclicGroup()],
  ["a cause of itself", cyclicCause()],
  ["an error suppressed by itself", cyclicSuppressed()],
  ["groups, 50,000 deep", nested((inner) => group(inner))],
  ["AggregateErrors, 50,000 deep", nested((inner) => new AggregateError([inner]))],
  ["suppressed errors, 50,000 deep", nested((inner) => new SuppressedError(new Error("Newer"), inner))],
  ["suppressing errors, 50,000 deep", nested((inner) => new SuppressedError(inner, new Error("Older")))],
  ["causes, 50,000 deep", nested((cause) => new Error("Outer", { cause }))],
  ["a group of 10,000", new ErrorGroup(Array.from({ length: WIDE }, (_, i) => new Error(`${i}`)))],
  ["one error, a thousand times", new ErrorGroup(new Array(SHARED).fill(new Error("The same")))],
  ["a tree that doubles in each of its 64 levels", nested((inner) => group(inner, inner), 64)],

  ["a group without errors", Object.assign(group(1), { errors: undefined })],
  ["a group with the errors null", Object.assign(group(1), { errors: null })],
  ["a group with a text as errors", Object.assign(group(1), { errors: "garbage" })],
  ["a group with a revoked proxy as errors", Object.assign(group(1), { errors: revoked([]) })],
  ["a group with a list of a hundred million holes", Object.assign(group(1), { errors: new Array(1e8) })],
  ["a group with something like a list as errors", Object.assign(group(1), { errors: { length: 1e9 } })],
  [
    "a group with a list that cannot be iterated",
    Object.assign(group(1), {
      errors: Object.assign([1], { [Symbol.iterator]: boom }),
    }),
  ],
  ["a group of what is hostile", group(revoked({}), new Proxy({}, throwing), undefined, Symbol("symbol"))],
  ["an AggregateError of nothing", new AggregateError([])],
  ["a cause that throws", new Error("Outer", { cause: new Proxy({}, throwing) })],

  ["an error of another realm", vm.runInNewContext("new TypeError('Elsewhere')")],
  ["an AggregateError of another realm", vm.runInNewContext("new AggregateError([new Error('Elsewhere')], 'all')")],
  ["an object of another realm", vm.runInNewContext("({})")],
  [
    "a revoked proxy of another realm",
    vm.runInNewContext("(() => { const r = Proxy.revocable({}, {}); r.revoke(); return r.proxy })()"),
  ],
  ["an error of a second copy", new copy.TooSlowError("Theirs")],
  ["a group of a second copy", new copy.ErrorGroup([new copy.BrokenResourceError("Theirs")])],
  ["a cancellation of a second copy", theirs],
  ["a group of a second copy, with its cancellation", theirGroup],
]);

/** Gives itself for every property but those that make a promise or an iterable. */
function selfish(): object {
  const proxy: object = new Proxy(function () {}, {
    get: (_, key) => key === "then" || typeof key === "symbol" ? undefined : proxy,
    has: () => true,
    getPrototypeOf: () => null,
  });
  return proxy;
}

/** What must come out of them at least, where that is not they themselves: without the cancellations inside, say. */
export const ESSENCE: ReadonlyMap<unknown, unknown> = new Map([[theirGroup, theirFailure]]);
