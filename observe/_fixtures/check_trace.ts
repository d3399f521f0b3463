/** A checker of the Trace Event Format: what viewers want of a trace, and silently show wrongly otherwise. */

type Event = Readonly<Record<string, unknown>> & {
  readonly ph: string;
  readonly ts: number;
  readonly dur: number;
  readonly tid: number;
  readonly id: number;
  readonly name: string;
};

/** What is wrong with a trace; nothing, if it is as it should be. */
export function faultsOf(json: string): string[] {
  const { traceEvents } = JSON.parse(json) as { traceEvents: Event[] };
  const faults: string[] = [];
  const slices = traceEvents.filter(({ ph }) => ph === "X");
  const threads = Map.groupBy(slices, ({ tid }) => tid);
  for (const { ph, ts, dur, name } of traceEvents) {
    if (ph !== "M" && !(ts >= 0)) faults.push(`${name}: at ${ts}`);
    if (ph === "X" && !(dur >= 0)) faults.push(`${name}: takes ${dur}`);
  }
  for (const [tid, own] of threads) {
    const open: Event[] = [];
    for (const slice of own.sort((a, b) => a.ts - b.ts || b.dur - a.dur)) {
      while (open.length > 0 && endOf(open.at(-1)!) <= slice.ts + 1e-9) open.pop();
      const around = open.at(-1);
      if (around !== undefined && endOf(slice) > endOf(around) + 1e-6) {
        faults.push(`thread ${tid}: ${slice.name} sticks out of ${around.name}`);
      }
      open.push(slice);
    }
  }
  const inside = ({ tid, ts }: Event) =>
    (threads.get(tid) ?? []).some((slice) => slice.ts <= ts + 1e-6 && endOf(slice) >= ts - 1e-6);
  const flows = Map.groupBy(traceEvents.filter(({ ph }) => ph === "s" || ph === "f"), ({ id }) => id);
  for (const [id, ends] of flows) {
    const [from, to] = [ends.find(({ ph }) => ph === "s"), ends.find(({ ph }) => ph === "f")];
    if (ends.length !== 2 || from === undefined || to === undefined) faults.push(`flow ${id} has ${ends.length} ends`);
    else {
      if (from.ts > to.ts) faults.push(`flow ${id} goes back in time`);
      for (const end of ends) if (!inside(end)) faults.push(`flow ${id}: "${end.ph}" at ${end.ts} is in no slice`);
    }
  }
  const operations = Map.groupBy(traceEvents.filter(({ ph }) => ph === "b" || ph === "e"), ({ id }) => id);
  for (const [id, ends] of operations) {
    if (ends.map(({ ph }) => ph).join("") !== "be" || ends[0]!.ts > ends[1]!.ts) faults.push(`operation ${id}`);
  }
  return faults;
}

function endOf({ ts, dur }: Event): number {
  return ts + dur;
}
