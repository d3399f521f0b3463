/** The options of exploring, checked before anything begins. */

import { requireOptions, show } from "../../core/internal.ts";
import { requireWhole } from "../base/check.ts";
import { knobs } from "../driver/knobs.ts";
import { checkSimulateOptions, type SimulateSettings } from "../driver/simulate_options.ts";
import type { ExploreOptions } from "../explore/explore_options.ts";
import { parseReplay, type Schedule } from "./replay_string.ts";

/** The options, all of them. */
export interface ExploreSettings {
  readonly simulation: SimulateSettings;
  readonly runs: number;
  readonly replay: Schedule | null;
  readonly cancel: boolean | readonly string[];
  readonly time: number;
}

const DEFAULT_RUNS = 200;

/** Checks the options; what the command line says comes first. */
export function checkExploreOptions(options: ExploreOptions): ExploreSettings {
  requireOptions("explore", options);
  const { runs = DEFAULT_RUNS, replay, cancel = false, time = 0, ...rest } = options;
  const said = knobs();
  const simulation = checkSimulateOptions(said.seed === undefined ? rest : { ...rest, seed: said.seed });
  if (simulation.schedule !== undefined) {
    throw new TypeError(
      'Cannot explore with option "schedule" as the schedule must be that of the campaign: received another',
    );
  }
  requireWhole("explore", "runs", runs, 1);
  if (said.runs !== undefined) requireWhole("explore", "runs", said.runs, 1);
  if (typeof cancel !== "boolean" && !(Array.isArray(cancel) && cancel.every((name) => typeof name === "string"))) {
    throw new TypeError(`Cannot explore as "cancel" must be true, false or names of tasks: received ${show(cancel)}`);
  }
  if (typeof time !== "number" || !(time >= 0 && time < Infinity)) {
    throw new RangeError(`Cannot explore as "time" must be a finite number >= 0: received ${show(time)}`);
  }
  const wanted = said.replay ?? replay;
  if (wanted !== undefined && typeof wanted !== "string") {
    throw new TypeError(
      `Cannot explore as "replay" must be the text that a failure has shown: received ${show(wanted)}`,
    );
  }
  return {
    simulation,
    runs: said.runs ?? runs,
    replay: wanted === undefined ? null : parseReplay(wanted),
    cancel,
    time,
  };
}
