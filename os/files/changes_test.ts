import { assertEquals } from "@std/assert";
import { Changes } from "./_changes.ts";

const written = { fresh: false, born: false };
const made = { fresh: true, born: true };
const moved = { fresh: true, born: false };

/** A machine in which things happen at certain times. */
function changes(...touches: [path: string, touch: typeof made, at: number][]): Changes {
  const machine = new Changes(50, 1_000);
  for (const [path, touch, at] of touches) machine.touched(path, touch, at);
  return machine;
}

const take = (machine: Changes) => machine.take()?.changes.map(({ path, kind }) => `${kind} ${path}`);

Deno.test("F8: a look is due when it has been quiet for a while, and not too long after the first event", () => {
  assertEquals(changes().due, null);
  assertEquals(changes(["a", written, 100]).due, 150);
  assertEquals(changes(["a", written, 100], ["b", written, 140]).due, 190);
  const busy = Array.from({ length: 100 }, (_, index) => ["a", written, 100 + index * 20] as const);
  assertEquals(changes(...busy.map((touch) => [...touch] as [string, typeof made, number])).due, 1_100);
  const machine = changes(["a", written, 100]);
  machine.takeDirty();
  assertEquals(machine.due, null);
  machine.stir(2_000);
  assertEquals([machine.due, machine.takeDirty().size], [2_050, 0]);
});

Deno.test("F8: what is known of a path before it is looked at is what came first, and whether it may be full", () => {
  const machine = changes(["a", made, 0], ["a", written, 1], ["b", written, 2], ["b", moved, 3], ["b", made, 4]);
  assertEquals([...machine.takeDirty()], [["a", made], ["b", { fresh: true, born: false }]]);
});

Deno.test("F8: a file that was there for a moment is not reported; one that was there before is", () => {
  const machine = changes();
  machine.found("tmp", "removed", { born: true });
  assertEquals(machine.take(), null);
  machine.found("old", "removed", { born: false });
  assertEquals(take(machine), ["removed old"]);
});

Deno.test("F8: a slow receiver gets each path once, as it was found last, the latest last", () => {
  const machine = changes();
  machine.found("a", "changed");
  machine.found("b", "changed");
  machine.found("a", "removed");
  assertEquals(take(machine), ["changed b", "removed a"]);
  assertEquals(machine.take(), null);
});

Deno.test("F8: what has come and gone before it could be reported is not, however often; what was known is", () => {
  const machine = changes();
  machine.found("tmp", "changed", { born: true });
  machine.found("tmp", "changed");
  machine.found("tmp", "removed");
  assertEquals(machine.take(), null);
  machine.found("old", "removed");
  machine.found("old", "changed", { born: true });
  machine.found("old", "removed", { born: true });
  assertEquals(take(machine), ["removed old"]);
  machine.found("new", "changed", { born: true });
  assertEquals(take(machine), ["changed new"]);
  machine.found("new", "removed");
  assertEquals(take(machine), ["removed new"]);
});

Deno.test("F8: a folder that was removed takes with it what is reported of its content, and nothing else", () => {
  const machine = changes();
  for (const path of ["d/x", "d/e/y", "dd", "d"]) machine.found(path, "changed");
  machine.found("d", "removed");
  assertEquals(take(machine), ["changed dd", "removed d"]);
});

Deno.test("F8: lost events are reported once it is quiet, even with nothing found", () => {
  const machine = changes();
  machine.lost(10);
  assertEquals([machine.due, machine.take()], [60, null]);
  machine.takeDirty();
  machine.found("a", "changed");
  assertEquals(machine.take(), { changes: [{ path: "a", kind: "changed" }], rescan: true });
  assertEquals(machine.take(), null);
  machine.lost(70);
  machine.takeDirty();
  assertEquals(machine.take(), { changes: [], rescan: true });
});

Deno.test("F8: a file that was there for a moment is not reported, however late the event of its end comes", () => {
  for (const looksBetween of [0, 1, 2]) {
    const changes = new Changes(50, 1_000);
    changes.touched("/tmp", { fresh: true, born: true }, 0);
    changes.touched("/a", { fresh: false, born: false }, 0);
    let dirty = changes.takeDirty();
    // It goes while it is looked at.
    if (looksBetween === 0) changes.touched("/tmp", { fresh: true, born: false }, 1);
    changes.found("/tmp", "removed", dirty.get("/tmp"));
    changes.found("/a", "changed", dirty.get("/a"));
    for (let look = 0; look < looksBetween; look++) changes.takeDirty();
    if (looksBetween > 0) changes.touched("/tmp", { fresh: true, born: false }, 1);
    dirty = changes.takeDirty();
    changes.found("/tmp", "removed", dirty.get("/tmp"));
    assertEquals(changes.take(), { changes: [{ path: "/a", kind: "changed" }], rescan: false }, `${looksBetween}`);
  }
  // One that comes again is one like any other.
  const changes = new Changes(50, 1_000);
  for (const [born, kind] of [[true, "removed"], [true, "changed"]] as const) {
    changes.touched("/tmp", { fresh: true, born }, 0);
    changes.found("/tmp", kind, changes.takeDirty().get("/tmp"));
  }
  assertEquals(changes.take()?.changes, [{ path: "/tmp", kind: "changed" }]);
  changes.touched("/tmp", { fresh: true, born: false }, 0);
  changes.found("/tmp", "removed", changes.takeDirty().get("/tmp"));
  assertEquals(changes.take()?.changes, [{ path: "/tmp", kind: "removed" }]);
});
