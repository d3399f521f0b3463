/** Runs of tests over processes in memory, on a clock that jumps. */

import { MockClock } from "../../testing/mod.ts";
import { run } from "../../core/mod.ts";
import { type FakeProcess, FakeProcesses } from "./fake_processes.ts";

/** Runs a test, with what each process does. */
export async function inTime<T>(
  script: (process: FakeProcess) => void,
  body: (processes: FakeProcesses) => Promise<T>,
): Promise<T> {
  const processes = new FakeProcesses(script);
  const clock = new MockClock({ autojumpThreshold: 0 });
  return await run(() => body(processes), { processes, clock, handleSignals: false });
}

/** Waits for what another process is about to do: looks again and again, but not for ever. */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let looks = 0; looks < 2_000; looks++) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`It did not come about: ${what}`);
}
