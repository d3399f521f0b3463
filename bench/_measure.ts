/**
 * How a subject is measured: candidates take turns in one process, so that a noisy machine disturbs all of them alike,
 * and the garbage of one is collected before the next begins.
 *
 * Ratios are the point, and only those of one run are comparable. Nothing here asserts a time.
 */

import process from "node:process";
import type { CaseResult, Limit } from "./_results.ts";
import { printResults } from "./_table.ts";

/** One measurement per operation, or several by name (wall and CPU time, say). */
export type Sample = number | Readonly<Record<string, number>>;

/** One way of doing what a case measures. */
export interface Candidate {
  readonly name: string;
  /** Does it once, with its own preparations, and returns the cost per operation. */
  readonly round: () => Promise<Sample>;
  /** Takes seconds per round: one warm-up and three rounds must do. */
  readonly slow?: boolean;
}

/** Candidates that do the same thing. */
export interface Case {
  readonly title: string;
  readonly unit: string;
  /** The candidate to which the ratios of the others refer. */
  readonly baseline: string;
  readonly candidates: readonly Candidate[];
  readonly limits?: readonly Limit[];
}

/** What the command line of a subject says. */
export interface SubjectOptions {
  /** Fewer rounds, and no peers that have to be fetched. */
  readonly quick: boolean;
  readonly json: boolean;
  /** Only candidates with this in their name: for a profiler. */
  readonly candidate: string | undefined;
}

/** Reads the command line of a subject. */
export function subjectOptions(args: readonly string[] = Deno.args): SubjectOptions {
  return {
    quick: args.includes("--quick"),
    json: args.includes("--json"),
    candidate: args.find((arg) => arg.startsWith("--candidate="))?.slice("--candidate=".length),
  };
}

/** Measures cases one after the other and prints what came out. */
export async function measure(cases: readonly Case[]): Promise<void> {
  const options = subjectOptions();
  const results: CaseResult[] = [];
  for (const one of cases) results.push(...await measureCase(one, options));
  printResults(results, options.json);
}

async function measureCase(one: Case, { quick, candidate }: SubjectOptions): Promise<CaseResult[]> {
  const candidates = one.candidates.filter(({ name }) => candidate === undefined || name.includes(candidate));
  const warmUps = quick ? 1 : 2;
  const rounds = warmUps + (quick ? 3 : 7);
  const slowRounds = 4;
  /** Metric, candidate, samples. */
  const found = new Map<string, Map<string, number[]>>();
  for (let round = 0; round < rounds; round++) {
    for (const { name, round: play, slow } of candidates) {
      if (slow && round >= slowRounds) continue;
      await settle();
      const sample = await play();
      if (round < (slow ? 1 : warmUps)) continue;
      for (const [metric, value] of Object.entries(typeof sample === "number" ? { "": sample } : sample)) {
        const rows = getOrAdd(found, metric, () => new Map<string, number[]>());
        getOrAdd(rows, name, () => []).push(value);
      }
    }
  }
  return [...found].map(([metric, rows]) => judge(one, metric, rows));
}

/** Lets what is left of the last round end, and collects its garbage. */
export async function settle(): Promise<void> {
  await turn(1);
  collect();
  await turn(1);
}

/** Resolves in a later turn of the event loop. */
export function turn(ms = 0): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Collects all garbage. Needs `--v8-flags=--expose-gc`. */
export function collect(): void {
  const { gc } = globalThis as { gc?: () => void };
  if (gc === undefined) throw new Error("Cannot collect garbage as V8 was not told to: use --v8-flags=--expose-gc");
  gc();
}

/**
 * The CPU time of this process so far, in microseconds. What is measured with it never waits for the outside world, so
 * it is the wall time on a machine without neighbours.
 */
export function cpuTime(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** Times a function, in microseconds of CPU time per operation. */
export async function timePer(operations: number, work: () => unknown): Promise<number> {
  const start = cpuTime();
  await work();
  return (cpuTime() - start) / operations;
}

function judge(one: Case, metric: string, rows: ReadonlyMap<string, readonly number[]>): CaseResult {
  const medians = new Map([...rows].map(([name, samples]) => [name, median(samples)]));
  const base = medians.get(one.baseline);
  return {
    title: metric === "" ? one.title : `${one.title}: ${metric}`,
    unit: one.unit,
    baseline: one.baseline,
    rows: [...rows].map(([candidate, samples]) => {
      const middle = median(samples);
      return {
        candidate,
        median: middle,
        min: Math.min(...samples),
        max: Math.max(...samples),
        ratio: base === undefined ? null : middle / base,
        samples,
      };
    }),
    findings: (one.limits ?? []).flatMap((limit) => {
      const value = medians.get(limit.of);
      const other = limit.against === undefined ? 1 : medians.get(limit.against);
      if (value === undefined || other === undefined) return [];
      const found = value / other;
      return [{ ...limit, found, met: found <= (limit.atMost ?? Infinity) && found >= (limit.atLeast ?? -Infinity) }];
    }),
  };
}

/** The middle one. */
export function median(samples: readonly number[]): number {
  const sorted = [...samples].sort((a, b) => a - b);
  const at = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[at] as number : ((sorted[at - 1] as number) + (sorted[at] as number)) / 2;
}

function getOrAdd<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const value = map.get(key) ?? make();
  map.set(key, value);
  return value;
}
