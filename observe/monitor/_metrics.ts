/** The numbers of a program in the text format of Prometheus. */

import { numbersIn } from "../base/watched.ts";
import type { HasStatistics } from "../has_statistics.ts";
import type { Program } from "./_program.ts";
import { numbersOf, waitsByKind } from "./_snapshot.ts";

type Labels = Readonly<Record<string, string>>;
type Sample = readonly [labels: Labels, value: number];

/** See the header. */
export function metricsOf(program: Program, watch: ReadonlyMap<string, HasStatistics>): string {
  const numbers = numbersOf(program);
  const one = (value: number): readonly Sample[] => [[{}, value]];
  const seconds = (ms: number): readonly Sample[] => one(ms / 1_000);
  const metrics: readonly (readonly [name: string, type: string, help: string, samples: readonly Sample[]])[] = [
    ["trefoil_tasks", "gauge", "Tasks that have not ended.", one(numbers.tasks)],
    [
      "trefoil_tasks_running",
      "gauge",
      "Tasks without a wait of the library: they run, or await something foreign.",
      one(numbers.running),
    ],
    [
      "trefoil_tasks_started_total",
      "counter",
      "Tasks started since the monitor was opened.",
      one(numbers.tasksStarted),
    ],
    ["trefoil_waits_total", "counter", "Waits that have ended since the monitor was opened.", one(numbers.waitsEnded)],
    [
      "trefoil_waits",
      "gauge",
      "Waits that are open, by kind.",
      [...waitsByKind(program)].map(([kind, count]): Sample => [{ kind }, count]),
    ],
    ["trefoil_host_operations", "gauge", "Operations of the host in flight.", one(numbers.hostOperations)],
    ["trefoil_loop_lag_seconds", "gauge", "How late the event loop was in the last second.", seconds(numbers.lag)],
    ["trefoil_loop_lag_worst_seconds", "gauge", "The same for the last minute.", seconds(numbers.worstLag)],
    ["trefoil_findings", "gauge", "Findings of the watchdogs that are kept.", one(program.findings.length)],
    ["process_heap_bytes", "gauge", "Bytes of the heap in use.", one(numbers.heap)],
    ["process_resident_memory_bytes", "gauge", "Resident memory in bytes.", one(numbers.rss)],
    ["trefoil_resource", "gauge", "Numbers of what is watched.", samplesOf(watch)],
  ];
  return metrics.filter(([, , , samples]) => samples.length > 0).map(([name, type, help, samples]) =>
    [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...samples.map((sample) => line(name, sample))].join("\n") +
    "\n"
  ).join("");
}

/** The numbers of what is watched; one that throws hides no other. */
function samplesOf(watch: ReadonlyMap<string, HasStatistics>): readonly Sample[] {
  return [...watch].flatMap(([resource, one]) => {
    try {
      return numbersIn(one.statistics()).map(([field, value]): Sample => [{ resource, field }, value]);
    } catch {
      // The page says how it fails.
      return [];
    }
  });
}

function line(name: string, [labels, value]: Sample): string {
  const text = Object.entries(labels).map(([key, label]) => `${key}="${escape(label)}"`).join();
  return `${name}${text === "" ? "" : `{${text}}`} ${Number.isFinite(value) ? value : value > 0 ? "+Inf" : "-Inf"}`;
}

function escape(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
