/**
 * Where a promise that is pending is awaited: the async functions that would go on if it settled, innermost first. It
 * costs nothing until somebody asks, also for a wait that began an hour ago.
 *
 * V8 finds them whenever a stack is captured in a reaction: it follows the promise that the reaction belongs to, to
 * whoever awaits that one. Here a reaction is made that belongs to the promise in question, without touching it:
 *
 *     settled ──then(capture)──▶ link ──then()──▶ the promise in question ◀──await── query() ◀──await── loadUser()
 *
 * `link.then()` makes the promise that it returns by `link.constructor[Symbol.species]`. That hands out the promise in
 * question, and functions for settling it that do nothing. So when `capture` runs, the way leads there.
 *
 * What it cannot see is left out, and never guessed: a promise that nobody awaits, or that was returned without being
 * awaited; one with several reactions, of which V8 follows none; and everything on hosts other than V8.
 */

import { read } from "../base/foreign.ts";
import { isOurs, plainPlace, type Site, withFrames } from "../base/place.ts";

/** Frames of one stack, of the library and of others. */
const DEPTH = 40;
/** Stacks that are remembered as text: what tells stacks apart is quickly read, their text is not (source maps). */
const MOST_TEXTS = 5_000;

const texts = new Map<string, readonly string[]>();
const NONE: readonly string[] = [];
const nothing = (): void => {};

/** Bun has what V8 has for stacks, but follows no promises; and after a look its stacks are not what they were. */
const follows = !("Bun" in globalThis);

/**
 * The places, for each of some promises: `loadUser (/app/db.ts:7:36)`. Everything is read in one microtask from now;
 * what has settled by then has none.
 */
export async function awaitedAt(promises: readonly Promise<unknown>[]): Promise<readonly (readonly string[])[]> {
  const found = promises.map(() => NONE);
  for (const [index, promise] of follows ? promises.entries() : []) {
    const capture = (): void => {
      found[index] = framesHere(capture);
    };
    leadTo(promise, capture);
  }
  await null;
  return found;
}

/** Calls a function in a reaction that belongs to a promise: see the header. */
function leadTo(promise: Promise<unknown>, capture: () => void): void {
  const link = Promise.resolve().then(capture);
  const species = function (executor: (resolve: () => void, reject: () => void) => void): Promise<unknown> {
    executor(nothing, nothing);
    return promise;
  };
  Object.defineProperty(link, "constructor", { value: { [Symbol.species]: species } });
  Promise.prototype.then.call(link, nothing, nothing);
}

/** The stack of the calling reaction below a function, without what is of the library or the host. */
function framesHere(above: () => void): readonly string[] {
  try {
    return withFrames(DEPTH, () => {
      const key = keyHere(above);
      if (key === "") return NONE;
      let text = texts.get(key);
      if (text === undefined) {
        const holder: { stack?: string } = {};
        Error.captureStackTrace(holder, above);
        text = `${read(holder, "stack")}`.split("\n").flatMap(frameOf);
        if (texts.size >= MOST_TEXTS) texts.clear();
        texts.set(key, text);
      }
      return text;
    });
  } catch {
    // A hardened program, or one with ideas of its own about stacks.
    return NONE;
  }
}

/** The places of a stack that was captured, without what is of the library or the host. */
export function framesOfSite(site: Site): readonly string[] {
  return `${read(site, "stack")}`.split("\n").flatMap(frameOf);
}

interface CallSite {
  getFileName(): string | null;
  getLineNumber(): number | null;
  getColumnNumber(): number | null;
}

/** What tells one stack from another: where its calls are, before source maps. */
function keyHere(above: () => void): string {
  const before = Object.getOwnPropertyDescriptor(Error, "prepareStackTrace");
  let key = "";
  try {
    Error.prepareStackTrace = (_, sites: readonly CallSite[]) => {
      key = sites.map((site) => `${site.getFileName()}:${site.getLineNumber()}:${site.getColumnNumber()}`).join();
    };
    const holder: { stack?: string } = {};
    Error.captureStackTrace(holder, above);
    void holder.stack;
  } finally {
    if (before === undefined) Reflect.deleteProperty(Error, "prepareStackTrace");
    else Object.defineProperty(Error, "prepareStackTrace", before);
  }
  return key;
}

/** A line of a stack as a frame; nothing for the library's and the host's, and for what is no line of a stack. */
function frameOf(line: string): string[] {
  const call = /^\s+at (?:async )?(.*)$/.exec(line)?.[1];
  if (call === undefined || isOurs(call) || /(?:^|\()(?:ext|node|internal):/.test(call)) return [];
  const [, name, place] = /^(.*) \((.*)\)$/.exec(call) ?? [null, "", call];
  if (name === "Promise.all" || name === "Promise.any" || name === "Promise.allSettled") return [call];
  // Names that V8 has made of where a function was written say nothing to people.
  return [isName(name) ? `${name} (${plainPlace(place)})` : plainPlace(place)];
}

function isName(name: string): boolean {
  return name !== "" && !/\.startSoon|\.start\b|<anonymous>|\.name$| \[as /.test(name);
}

/** So many frames say in a line where something is. */
const MOST_FRAMES = 3;

/** Frames in a few words: the innermost, with files without their folders. */
export function framesText(frames: readonly string[]): string {
  const text = frames.slice(0, MOST_FRAMES).map((frame) => frame.replace(/(^|\()[^()\s]*\//, "$1")).join(" < ");
  return frames.length > MOST_FRAMES ? `${text} < …` : text;
}
