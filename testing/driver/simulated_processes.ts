/** The processes of a simulation: programs that its test defines, in its time. */

import { requireFunction } from "../../core/internal.ts";
import type { HostProcess, ProcessHost, ProcessSpawnOptions } from "../../core/lowlevel.ts";
import { sleep } from "../../core/mod.ts";
import { requireKnown } from "../base/check.ts";
import { type Place, Process } from "./simulated_process.ts";
import type { ProcessScript, VirtualProcesses, VirtualProgram } from "../processes/virtual_processes.ts";

const ACTION = "define a program";

/** See the header. */
export class SimulatedProcesses implements ProcessHost, VirtualProcesses {
  readonly inMemory = true;
  /** Where they run. Written by the simulation, before anything can be started. */
  place: Place | null = null;
  readonly #clock: { now(): number };
  readonly #programs = new Map<string, VirtualProgram>();
  readonly #log: string[] = [];
  #lastPid = 0;

  constructor(clock: { now(): number }) {
    this.#clock = clock;
  }

  define(program: string, does: VirtualProgram | ProcessScript): void {
    if (typeof program !== "string" || program === "") {
      throw new TypeError(`Cannot ${ACTION} as "program" must be its name: received ${JSON.stringify(program)}`);
    }
    if (typeof does !== "object" || does === null) requireFunction(ACTION, "does", does);
    this.#programs.set(program, typeof does === "function" ? does : programOf(does));
  }

  log(): readonly string[] {
    return [...this.#log];
  }

  spawn(options: ProcessSpawnOptions): HostProcess {
    const [name] = options.command;
    const program = this.#programs.get(name);
    if (program === undefined || this.place === null) {
      const error = new Error(
        `Cannot start "${name}" as a simulation must have been told what it does: call sim.processes.define(${
          JSON.stringify(name)
        }, …), or take real processes by option "processes: \\"host\\""`,
      );
      error.name = "NotFound";
      throw error;
    }
    const process = new Process(
      ++this.#lastPid,
      options,
      (line) => void this.#log.push(`${(this.#clock.now() / 1_000).toFixed(3)}s ${line}`),
    );
    process.begin(program, this.place);
    return process.outside;
  }
}

/** A program that does what a script says. */
function programOf(script: ProcessScript): VirtualProgram {
  requireKnown(ACTION, script, ["stdout", "stderr", "code", "after"]);
  const { stdout = "", stderr = "", code = 0, after = 0 } = script;
  return async (process) => {
    await sleep(after);
    await process.stdout.sendText(stdout);
    await process.stderr.sendText(stderr);
    return code;
  };
}
