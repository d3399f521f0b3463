import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { simulated } from "../../testing/mod.ts";
import {
  CancelScope,
  Event,
  moveOnAfter,
  openMemoryChannel,
  openNursery,
  run,
  shielded,
  sleep,
  sleepForever,
  sleepUntil,
  type TaskTree,
  taskTree,
  type TaskTreeNode,
} from "../mod.ts";
import { suspend } from "../lowlevel.ts";

/** The text without the places, which move with every edit of this file. */
function text(tree: TaskTree): string {
  return tree.toString().replaceAll(/ {2}started at [^\n]*/g, "");
}

Deno.test(
  "the tree says of each kind of wait what is waited for, and since when",
  simulated(async (sim) => {
    await openNursery(async (nursery) => {
      const [, receive] = openMemoryChannel<number>(0, { name: "jobs" });
      const [, unnamed] = openMemoryChannel<number>(0);
      await sleep(3);
      nursery.startSoon(() => sleep(1_500), { name: "sleeper" });
      nursery.startSoon(() => sleepUntil(90_000), { name: "late sleeper" });
      nursery.startSoon(() => sleepForever(), { name: "forever" });
      nursery.startSoon(() => new Event({ name: "ready" }).wait(), { name: "named event" });
      nursery.startSoon(() => new Event().wait(), { name: "event" });
      nursery.startSoon(() => receive.receive(), { name: "receiver" });
      nursery.startSoon(() => unnamed.receive(), { name: "other receiver" });
      const task = nursery.startSoon(() => suspend({ kind: "device", label: () => "no. 7" }, () => {}, () => true), {
        name: "custom",
      });
      nursery.startSoon(() => task.join(), { name: "joiner" });
      nursery.startSoon(() => Promise.all([sleep(4), sleepForever()]), { name: "both" });
      await sim.settled();
      assertEquals(
        text(taskTree()),
        `main #1: running, or awaiting a promise the library does not own
├─ sleeper #2: sleep until t=1.503s (since t=3ms)
├─ late sleeper #3: sleep until t=90s (since t=3ms)
├─ forever #4: sleep for ever (since t=3ms)
├─ named event #5: event "ready" (since t=3ms)
├─ event #6: event (since t=3ms)
├─ receiver #7: receive from channel "jobs" (no buffer) (since t=3ms)
├─ other receiver #8: receive from channel (no buffer) (since t=3ms)
├─ custom #9: device no. 7 (since t=3ms)
├─ joiner #10: join task "custom" #9 (since t=3ms)
└─ both #11: sleep until t=7ms (since t=3ms) + sleep for ever (since t=3ms)`,
      );
      nursery.cancel();
    });
  }),
);

Deno.test(
  "the tree has the shape of the nurseries: children below the task that opened theirs, oldest first",
  simulated(async (sim) => {
    await openNursery(async (nursery) => {
      nursery.startSoon(() =>
        openNursery((inner) => {
          inner.startSoon(() =>
            openNursery((leaf) => {
              leaf.startSoon(() => sleepForever(), { name: "a1x" });
            }, { name: "innermost" }), { name: "a1" });
          inner.startSoon(() => sleepForever(), { name: "a2" });
        }), { name: "a" });
      nursery.startSoon(() => openNursery((n) => void n.startSoon(() => sleepForever(), { name: "b1" })), {
        name: "b",
      });
      nursery.startSoon(() => sleepForever(), { name: "c" });
      await sim.settled();
      assertEquals(
        text(taskTree()),
        `main #1: running, or awaiting a promise the library does not own
├─ a #2: nursery "nursery", 2 children (since t=0ms)
│  ├─ a1 #5: nursery "innermost", 1 child (since t=0ms)
│  │  └─ a1x #8: sleep for ever (since t=0ms)
│  └─ a2 #6: sleep for ever (since t=0ms)
├─ b #3: nursery "nursery", 1 child (since t=0ms)
│  └─ b1 #7: sleep for ever (since t=0ms)
└─ c #4: sleep for ever (since t=0ms)`,
      );
      nursery.cancel();
    });
  }),
);

Deno.test(
  "the tree shows the earliest deadline of a task, and that it is being cancelled",
  simulated(async (sim) => {
    await openNursery(async (nursery) => {
      nursery.startSoon(() => moveOnAfter(900, () => moveOnAfter(30_000, () => sleepForever())), { name: "limited" });
      const stuck = nursery.startSoon(() => sleepForever().finally(() => shielded(() => sleep(5))), { name: "stuck" });
      await sleep(1);
      stuck.cancel();
      await sim.settled();
      assertEquals(
        text(taskTree()),
        `main #1: running, or awaiting a promise the library does not own
├─ limited #2: sleep for ever (since t=0ms)  deadline t=900ms
└─ stuck #3: sleep until t=6ms (since t=1ms)  being cancelled`,
      );
      nursery.cancel();
    });
  }),
);

Deno.test(
  "the tree shows a starting task below the caller of start(), and in its nursery afterwards",
  simulated(async (sim) => {
    await openNursery(async (outer) => {
      const caller = outer.startSoon(() =>
        outer.start(async (status) => {
          await sleep(1);
          status.started();
          await sleep(5);
        }, { name: "server" }).then(() => sleepForever()), { name: "caller" });
      await sim.settled();
      assertEquals(
        text(taskTree()),
        `main #1: running, or awaiting a promise the library does not own
└─ caller #2: nursery.start a task of "nursery" (since t=0ms)
   └─ server #3: sleep until t=1ms (since t=0ms)`,
      );
      await sim.advance(1);
      assertEquals(
        text(taskTree()),
        `main #1: running, or awaiting a promise the library does not own
├─ caller #2: sleep for ever (since t=1ms)
└─ server #3: sleep until t=6ms (since t=1ms)`,
      );
      caller.cancel();
    });
  }),
);

Deno.test("the tree names the place of each startSoon()", async () => {
  await run(() =>
    openNursery(async (nursery) => {
      const task = nursery.startSoon(() => sleepForever(), { name: "worker" });
      await sleep(0);
      const place = task.spawnSite!.replace(/^file:\/\//, "");
      assertStringIncludes(place, "/core/tasks/task_tree_test.ts:");
      assertStringIncludes(taskTree().toString(), `  started at ${place}`);
      nursery.cancel();
    }), { handleSignals: false });
});

Deno.test(
  "the tree as data: ids, names, states, waits and children",
  simulated(async (sim) => {
    await openNursery(async (nursery) => {
      await sleep(2);
      nursery.startSoon(() => new CancelScope({ timeout: 10 }).run(() => new Event({ name: "go" }).wait()), {
        name: "child",
      });
      await sim.settled();
      const { time, root } = taskTree();
      assertEquals([time, root.id, root.name, root.deadline], [2, 1, "main", Infinity]);
      const [child] = root.children;
      assertEquals({ ...child, spawnSite: undefined }, {
        id: 2,
        name: "child",
        state: "running",
        waits: [{ kind: "event", label: '"go"', since: 2, frames: [] }],
        deadline: 12,
        cancelled: false,
        spawnSite: undefined,
        children: [],
      });
    });
  }),
);

Deno.test(
  "a snapshot does not change with what happens later",
  simulated(async (sim) => {
    await openNursery(async (nursery) => {
      nursery.startSoon(() => sleep(5), { name: "child" });
      await sim.settled();
      const before = taskTree();
      const shown = before.toString();
      await sleep(6);
      assertEquals(before.toString(), shown);
      assertEquals(taskTree().root.children, []);
    });
  }),
);

Deno.test(
  "5,000 tasks below each other are shown, indented no further than is readable",
  simulated(async (sim) => {
    const dig = (depth: number): Promise<unknown> =>
      depth === 0
        ? sleepForever()
        : openNursery((nursery) => void nursery.startSoon(() => dig(depth - 1), { name: `task ${depth - 1}` }));
    await moveOnAfter(1, async () => {
      await openNursery(async (nursery) => {
        nursery.startSoon(() => dig(5_000), { name: "top" });
        await sim.settled();
        const tree = taskTree();
        const lines = text(tree).split("\n");
        assertEquals(lines.length, 5_002);
        assertEquals(lines[1], '└─ top #2: nursery "nursery", 1 child (since t=0ms)');
        assertEquals(lines.at(-1)!.trim(), "[5001] task 0 #5002: sleep for ever (since t=0ms)");
        assert(lines.every((line) => line.length < 160));
        let depth = 0;
        for (let node: TaskTreeNode | undefined = tree.root; node !== undefined; node = node.children[0]) depth++;
        assertEquals(depth, 5_002);
        await sleepForever();
      });
    });
  }),
);

Deno.test("outside any run the tree is that of the default run", () => {
  const { root } = taskTree();
  assertEquals([root.id, root.name, root.state], [1, "main", "running"]);
});
