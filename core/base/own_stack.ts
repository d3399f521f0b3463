/**
 * The stacks of the library's own errors, without the library: what it was doing inside is seldom what somebody looks
 * for who has made a mistake, or whose peer is gone.
 *
 * Cut when somebody reads the stack, as reading is what costs. The host's report of an uncaught error asks the object
 * whose stack was captured, not the property: so that is another object. `TREFOIL_STACKS=full` shows everything.
 *
 * `EndOfChannel` keeps its own as it is: loops catch it, and cutting would take 5 us instead of 1.4.
 */

import { read } from "./foreign.ts";
import { environment } from "./host.ts";
import { isOurs, withFrames } from "./place.ts";

/** Stands for all frames, if all are the library's. */
const INSIDE = "    at <@trefoil/io> (shown by TREFOIL_STACKS=full)";

/** How many frames more than usual are captured, as some will be cut. */
const LIBRARY_FRAMES = 10;

/** What an error shows below its headline: captured when it was made, cut when somebody reads it. */
interface Frames {
  readonly captured: { readonly stack?: string };
  readonly limit: number;
}

/** The stack of one error. */
export interface CutStack {
  readonly frames: Frames;
  readonly get: () => string;
}

/**
 * Cuts the frames of the library from the stack of an error that is being constructed. About 5 us; next to nothing with
 * the frames of another error, which it then shows.
 */
export function cutStack(error: Error, frames: Frames = capture(error)): CutStack {
  const { captured, limit } = frames;
  const get = (): string => `${error.name}: ${error.message}${framesOf(`${read(captured, "stack")}`, limit)}`;
  Object.defineProperty(error, "stack", {
    configurable: true,
    enumerable: false,
    get,
    set: (stack: unknown): void =>
      void Object.defineProperty(error, "stack", { configurable: true, writable: true, value: stack }),
  });
  return { frames, get };
}

function capture(error: Error): Frames {
  const { stackTraceLimit: limit } = Error;
  const captured: { stack?: string } = {};
  if (limit > 0) withFrames(limit + LIBRARY_FRAMES, () => Error.captureStackTrace(captured, error.constructor));
  return { captured, limit };
}

/**
 * Takes all frames off an error whose message says where to look, such as the tree of a deadlock.
 *
 * Off the object as well: of an error with frames the host's report shows the line of the library that made it, and of
 * one whose property `stack` has some, the lines of the message twice.
 */
export function withoutFrames<E extends Error>(error: E): E {
  withFrames(0, () => Error.captureStackTrace(error));
  error.stack = `${error.name}: ${error.message}`;
  return error;
}

/** The frames of a stack, if nobody has given the error another one. */
export function shownFrames(error: Error, { frames, get }: CutStack): Frames | undefined {
  return Object.getOwnPropertyDescriptor(error, "stack")?.get === get ? frames : undefined;
}

let full: boolean | undefined;

function framesOf(stack: string, limit: number): string {
  full ??= environment("TREFOIL_STACKS") === "full";
  const lines = stack.split("\n").filter((line) => /^\s+at /.test(line));
  const shown = full ? lines : lines.filter((line) => !isOurs(line));
  // With no frame at all, the host's report would show the line of the library instead.
  if (shown.length === 0 && limit > 0) shown.push(INSIDE);
  return shown.slice(0, limit).map((line) => `\n${line}`).join("");
}
