/** Checks of what links are told. */

import { requireBoolean, show } from "../../core/internal.ts";
import { requireKnown } from "../base/check.ts";
import type { Rules } from "./_link.ts";
import type { LinkOptions } from "./virtual_network.ts";

const RANGES: Readonly<Record<keyof Rules, readonly [what: string, test: (value: number) => boolean]>> = {
  latency: ["a number of milliseconds >= 0", (value) => value >= 0 && value < Infinity],
  jitter: ["a number of milliseconds >= 0", (value) => value >= 0 && value < Infinity],
  bandwidth: ["a number of bytes per second > 0", (value) => value > 0],
  chunk: ["a whole number >= 1, or Infinity", isCount],
  window: ["a whole number >= 1, or Infinity", isCount],
  loss: ["a number from 0 to below 1", (value) => value >= 0 && value < 1],
  duplicate: ["a number from 0 to 1", (value) => value >= 0 && value <= 1],
};

/** The settings that were given, checked. */
export function rulesOf(options: LinkOptions): Partial<Rules> {
  requireKnown(ACTION, options, [...Object.keys(RANGES), "oneWay"]);
  const { oneWay = false, ...rules } = options;
  requireBoolean(ACTION, "oneWay", oneWay);
  for (const [name, value] of Object.entries(rules)) {
    const [what, isRight] = RANGES[name as keyof Rules];
    if (typeof value !== "number" || !isRight(value)) {
      throw new RangeError(`Cannot ${ACTION} as "${name}" must be ${what}: received ${show(value)}`);
    }
  }
  return rules;
}

const ACTION = "set up a link";

function isCount(value: number): boolean {
  return value === Infinity || (Number.isInteger(value) && value >= 1);
}
