/**
 * What is left of a simulation that has failed, if its trace is wanted: two files, a page and a trace for other viewers.
 *
 * The recorder is that of `observe/`, loaded when somebody wants a trace and not before: so simulations without one do not
 * pay for it, neither at run time nor when they start. That it is handed in by the caller, as instruments are, would do
 * for the option, but not for `--sim=trace:dir` on the command line, which has no caller. `observe/` knows nothing of this
 * module, so no circle comes of it.
 *
 * That the files cannot be written is said where their names would be. The failure of the test is what matters.
 */

import { outside, textOf } from "../../core/internal.ts";
import type { Instrument } from "../../core/lowlevel.ts";
import type { Site } from "./sites.ts";

/** What a file is called by, and where it goes. */
export interface TraceTarget {
  readonly folder: string;
  /** The place of the test, its name, and the seed. */
  readonly origin: Site | null;
  readonly name: string;
  readonly seed: number;
}

/** Longer ones are refused by file systems. */
const LONGEST = 150;

/** Records a simulation, and writes its trace. */
export interface FailedTrace {
  /** For the run. */
  readonly instrument: Instrument;
  /** Writes the files; returns a line that says where they are, or why they are not there. */
  write(title: string, diagram: string | null): Promise<string>;
}

/** Prepares to write the trace of a simulation that begins now. */
export async function traceFor({ folder, origin, name, seed }: TraceTarget): Promise<FailedTrace> {
  const { TraceRecorder } = await outside(() => import("../../observe/mod.ts"));
  const trace = new TraceRecorder();
  return {
    instrument: trace,
    async write(title, diagram) {
      const path = `${folder.replace(/\/+$/, "") || "/"}/${fileName(`${origin ?? ""}`, name)}-seed-${seed}`;
      try {
        const { mkdir, writeFile } = await outside(() => import("node:fs/promises"));
        await mkdir(folder, { recursive: true });
        await writeFile(`${path}.html`, trace.toHtml({ title, ...diagram === null ? {} : { diagram } }));
        await writeFile(`${path}.json`, trace.toJson());
        return `trace: ${path}.html and .json`;
      } catch (error) {
        return `trace: cannot be written into ${JSON.stringify(folder)}: ${textOf(error)}`;
      }
    },
  };
}

/** Of the place of a test, `cases/pool_test.ts:12:6`, and its name. */
function fileName(place: string, name: string): string {
  const [, file, line] = /^(.*?)(?:\.\w+)?:(\d+):\d+$/.exec(place) ?? [];
  const parts = [...file === undefined ? [] : [file, `${line}`], ...name === "" ? [] : [name]];
  const safe = parts.join("-").replace(/[^\p{L}\p{N}._]+/gu, "-").replace(/^[-.]+|-+$/g, "");
  return safe === "" ? "simulation" : safe.slice(-LONGEST);
}
