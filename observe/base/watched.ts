/** What a program names to be watched: locks, channels, limiters, whatever has numbers. */

import { isObject, read, show } from "../../core/internal.ts";
import type { HasStatistics } from "../has_statistics.ts";

/** A resource shows no more numbers than these. */
const MOST_NUMBERS = 32;

/** What is watched, by name, once it is checked; a copy, as what is added later is not. */
export function resourcesOf(action: string, watch: unknown): ReadonlyMap<string, HasStatistics> {
  if (watch === undefined) return new Map();
  if (!isObject(watch)) {
    throw new TypeError(`Cannot ${action} as "watch" must be an object: received ${show(watch)}`);
  }
  const resources = new Map<string, HasStatistics>();
  for (const [name, resource] of Object.entries(watch)) {
    if (typeof read(resource, "statistics") !== "function") {
      throw new TypeError(`Cannot ${action} as "watch.${name}" must have statistics(): received ${show(resource)}`);
    }
    resources.set(name, resource);
  }
  return resources;
}

/** The numbers among statistics: numbers, how long lists are, and whether something holds. */
export function numbersIn(statistics: unknown): readonly (readonly [name: string, value: number])[] {
  if (typeof statistics !== "object" || statistics === null) return [];
  return Object.keys(statistics).slice(0, MOST_NUMBERS).flatMap((key) => {
    const value = read(statistics, key);
    if (typeof value === "boolean") return [[key, Number(value)] as const];
    if (Array.isArray(value)) return [[key, value.length] as const];
    return typeof value === "number" && !Number.isNaN(value) ? [[key, value] as const] : [];
  });
}
