/** Checks of what links are told. */

import { show } from "../../core/internal.ts";
import { requireFlag } from "../base/check.ts";
import type { Rules } from "./_link.ts";
import type { LinkOptions } from "./virtual_network.ts";

const RANGES: Readonly<Record<keyof Rules, readonly [what: string, test: (value: number) => boolean]>> = {
  latency: ["a number of milliseconds >= 0", (value) => value >= 0 && value < Infinity],
  jitter: ["a number of milliseconds >= 0", (value) => value >= 0 && value < Infinity],
  bandwidth: ["a number of bytes per second > 0", (value) => value > 0],
  chunk: ["a whole number >= 1, or Infinity", isCount],
  window: ["a whole number >= 1, or Infinity", isCount],
  loss: ["a number from 0 to below 1", (value) => value >= 0 && value < 1],
};

/** The settings that were given, checked. */
export function rulesOf({ oneWay, ...options }: LinkOptions): Partial<Rules> {
  requireFlag("set up a link", "oneWay", oneWay);
  for (const [name, value] of Object.entries(options)) {
    const range = RANGES[name as keyof Rules];
    if (range === undefined) {
      throw new TypeError(`Cannot set up a link as it must have a setting "${name}": it has none`);
    }
    if (typeof value !== "number" || !range[1](value)) {
      throw new RangeError(`Cannot set up a link as "${name}" must be ${range[0]}: received ${show(value)}`);
    }
  }
  return options;
}

function isCount(value: number): boolean {
  return value === Infinity || (Number.isInteger(value) && value >= 1);
}
