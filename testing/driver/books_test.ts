import { assert, assertEquals } from "@std/assert";
import { hostImmediate, hostTimeout } from "../../core/internal.ts";
import {
  cancellable,
  checkpoint,
  Event,
  moveOnAfter,
  openMemoryChannel,
  openNursery,
  shielded,
  sleep,
  sleepForever,
} from "../../core/mod.ts";
import { beginHostOperation, currentRun, hostOperation } from "../../core/lowlevel.ts";
import { ambientDriver } from "./ambient.ts";
import type { Driver } from "./driver.ts";
import { simulate, type Simulation } from "../mod.ts";
import { seededRandom } from "./random.ts";

// The books of the driver: what it believes of tasks, waits and operations is what the run counts, at each of its
// steps.

/** How the books of a driver differ from those of the run. */
function audit({ ledger, operations, clock }: Driver): string[] {
  const run = clock.run!;
  const { tasksLiving, hostOperations } = run.statistics();
  const faults = ledger.audit();
  if (ledger.records.size !== tasksLiving) faults.push(`${ledger.records.size} tasks: there are ${tasksLiving}`);
  const believed = operations.list.map(({ label }) => label).sort();
  if (`${believed}` !== `${[...hostOperations].sort()}`) faults.push(`${believed}: there are ${hostOperations}`);
  const records = new Map([...ledger.records].map(([task, record]) => [task.id, record]));
  const nodes = [run.taskTree().root];
  for (let node = nodes.pop(); node !== undefined; node = nodes.pop()) {
    nodes.push(...node.children);
    const waits = records.get(node.id)?.open;
    if (waits !== node.waits.length) faults.push(`"${node.name}" has ${waits} waits: there are ${node.waits.length}`);
  }
  return faults;
}

/** Simulates, and looks at the books before each step of the driver in which nothing is put off; returns how often. */
async function audited(body: (sim: Simulation) => unknown, seed = 0): Promise<number> {
  let audits = 0;
  const faults = new Set<string>();
  await simulate(async (sim) => {
    const run = currentRun() as { statistics: ReturnType<typeof currentRun>["statistics"] };
    const driver = ambientDriver() as Driver;
    const { statistics } = run;
    let inside = false;
    run.statistics = () => {
      const counted = statistics.call(run);
      if (!inside && counted.wakeUps === 0 && counted.tasksLiving > 0) {
        inside = true;
        audits++;
        for (const fault of audit(driver)) faults.add(`t=${sim.now}: ${fault}`);
        inside = false;
      }
      return counted;
    };
    await body(sim);
  }, { seed, leaks: "ignore", foreignGrace: 1 });
  assertEquals([...faults], []);
  return audits;
}

Deno.test("the books agree with the run while it waits for foreign promises, however they are awaited", async () => {
  const foreign = () => new Promise<void>((resolve) => hostTimeout(resolve, 1));
  const audits = await audited(() =>
    openNursery((nursery) => {
      nursery.startSoon(() => foreign());
      nursery.startSoon(() => cancellable(foreign()));
      nursery.startSoon(() => Promise.all([cancellable(foreign()), cancellable(foreign()), sleep(5)]));
      nursery.startSoon(() => moveOnAfter(5, () => cancellable(new Promise(() => {}))));
      nursery.startSoon(() => hostOperation("op", foreign()));
      nursery.startSoon(() => cancellable(hostOperation("op", foreign())));
    })
  );
  assert(audits > 2, `${audits} audits`);
});

/** Something a task may do. */
type Step = (sim: Simulation, random: () => number, depth: number) => unknown;

const STEPS: readonly Step[] = [
  (_, random) => sleep(random() * 10),
  () => checkpoint(),
  (_, random) => moveOnAfter(random() * 5, () => sleepForever()),
  (_, random) => moveOnAfter(random() * 5, () => shielded(() => sleep(2))),
  (_, random) => moveOnAfter(random() * 5, () => Promise.all([sleep(3), sleep(4), new Event().wait()]).catch(() => {})),
  () => cancellable(new Promise<void>((resolve) => hostImmediate(() => resolve()))),
  () => moveOnAfter(3, () => cancellable(new Promise(() => {}))),
  () => new Promise<void>((resolve) => hostImmediate(() => resolve())),
  () => new Promise<void>((resolve) => setTimeout(resolve, 2)),
  () => new Promise<void>((resolve) => setImmediate(() => resolve())),
  () => clearTimeout(setTimeout(() => {}, 5)),
  () => Deno.unrefTimer(setTimeout(() => {}, 1) as never),
  () => hostOperation("immediate", new Promise<void>((resolve) => hostImmediate(() => resolve()))),
  () => {
    const operation = beginHostOperation("left behind");
    hostImmediate(() => operation.end());
  },
  (sim) => sim.settled(),
  (sim) => sim.freeze(3),
  (sim, random, depth) =>
    openNursery(async (nursery) => {
      const [send, receive] = openMemoryChannel<number>(1);
      nursery.startSoon(async () => {
        using _ = send;
        for (let i = 0; i < 3; i++) await send.send(i);
      });
      for await (const value of receive) if (value === 1) await act(sim, random, depth + 1);
    }),
  (sim, random, depth) =>
    openNursery(async (nursery) => {
      const task = nursery.startSoon(() => act(sim, random, depth + 1));
      nursery.startSoon(() => act(sim, random, depth + 1), { daemon: true });
      await act(sim, random, depth + 1);
      if (random() < 0.5) task.cancel();
      if (random() < 0.2) nursery.cancel();
    }),
  (sim, random, depth) =>
    openNursery((nursery) =>
      nursery.start(async (status) => {
        await sleep(1);
        status.started();
        await act(sim, random, depth + 1);
      })
    ),
  (sim, random, depth) => {
    const host = sim.net.host("db");
    const running = host.run(() => act(sim, random, depth + 1)).catch(() => {});
    if (random() < 0.5) host.crash();
    host.restart();
    return running;
  },
];

async function act(sim: Simulation, random: () => number, depth: number): Promise<void> {
  for (let i = Math.floor(random() * 4); i > 0 && depth < 4; i--) {
    await STEPS[Math.floor(random() * STEPS.length)]!(sim, random, depth);
  }
}

Deno.test("the books agree with the run at each step of random programs", async () => {
  let audits = 0;
  for (let seed = 1; seed <= 150; seed++) {
    const random = seededRandom(seed);
    audits += await audited(async (sim) => {
      for (let i = 0; i < 3; i++) await act(sim, random, 0);
    }, seed);
  }
  assert(audits > 500, `${audits} audits`);
});
