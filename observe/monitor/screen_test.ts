import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { clean, firstState, keysIn, press, screenOf, type ScreenState } from "./_screen.ts";
import type { Snapshot, TaskRow, WaitRow } from "./_wire.ts";

const wait = (kind: string, label: string, holder: WaitRow["holder"] = null): WaitRow => ({
  kind,
  label,
  since: 1_000,
  deadline: null,
  holder,
  frames: [`at ${kind} (/app/db.ts:7:3)`],
});
const task = (id: number, name: string, depth: number, waits: readonly WaitRow[], internal = false): TaskRow => ({
  run: 1,
  id,
  name,
  depth,
  internal,
  cancelled: false,
  startedAt: 0,
  site: "/app/main.ts:1:2",
  waits,
});

const SNAPSHOT: Snapshot = {
  at: 61_000,
  took: 1,
  numbers: {
    tasks: 5,
    running: 1,
    waits: 4,
    hostOperations: 0,
    waitsEnded: 30,
    tasksStarted: 5,
    lag: 3,
    worstLag: 90,
    heap: 1e6,
    rss: 2e9,
    uptime: 61_000,
  },
  runs: [{ run: 1, now: 61_000, tasks: 5, stuck: false }],
  tasks: [
    task(1, "main", 0, [wait("nursery", '"jobs"')]),
    task(2, "first \x1b[31m\u202e名前", 1, [wait("acquire lock", '"a"', { id: 3, name: "second" })]),
    task(3, "second", 1, [wait("acquire lock", '"b"', { id: 2, name: "first" })]),
    task(4, "accept loop", 1, [wait("accept", "on :80")], true),
    task(5, "busy", 1, []),
  ],
  tasksLeftOut: 2,
  groups: [],
  groupsLeftOut: 0,
  waits: [],
  resources: [],
  operations: [],
  findings: [],
  settings: { interval: 500, oldAfter: 10_000, allowCancel: true },
};

/** What comes of keys, one after the other. */
function after(keys: readonly string[], snapshot: Snapshot = SNAPSHOT): readonly [ScreenState, unknown] {
  let state = firstState();
  let last: unknown = null;
  for (const key of keys) [state, last] = press(state, key, snapshot);
  return [state, last];
}

/** A line without colours. */
function plain(line: string): string {
  // deno-lint-ignore no-control-regex -- that is what colours are
  return line.replace(/\x1b\[[\d;]*m/g, "");
}

function shown(keys: readonly string[], size = { columns: 100, rows: 20 }, notice = ""): readonly string[] {
  return screenOf(SNAPSHOT, after(keys)[0], { size, before: null, notice }).map(plain);
}

Deno.test("M9: keys are what terminals send for them; what means nothing is none", () => {
  assertEquals(keysIn("q\x1b[A\x1bOB\r\x7f\x03é\x1b"), [
    "q",
    "up",
    "down",
    "enter",
    "backspace",
    "ctrl-c",
    "é",
    "escape",
  ]);
  assertEquals(keysIn("\t\x00\x1b[99~\x1b[1;5A"), []);
});

Deno.test("M9: nothing of the program reaches the terminal as a command, and each line has the width of the terminal", () => {
  for (const columns of [1, 7, 40, 100, 300]) {
    for (const keys of [[], ["down", "enter"], ["/", "x"], ["2"], ["7"]]) {
      const state = after(keys)[0];
      const lines = screenOf(SNAPSHOT, state, { size: { columns, rows: 20 }, before: null, notice: "" });
      assertEquals(lines.length, 20);
      for (const line of lines.map(plain)) {
        assertEquals(clean(line), line);
        const width = [...line].reduce((sum, each) => sum + (/[名前]/.test(each) ? 2 : 1), 0);
        assert(width <= columns, `${width} > ${columns}: ${line}`);
      }
    }
  }
  assertStringIncludes(shown([]).join("\n"), "first �[31m�名前 #2");
});

Deno.test("M9: tasks of the library are folded away until they are wanted, and so is what is below a task", () => {
  assert(!shown([]).join("\n").includes("accept loop"));
  assertStringIncludes(shown(["i"]).join("\n"), "accept loop #4");
  assert(!shown(["left"]).join("\n").includes("second #3"));
  assertStringIncludes(shown(["left", "right"]).join("\n"), "second #3");
  // A filter looks through everything.
  assertStringIncludes(shown(["left", "/", "S", "E", "C", "enter"]).join("\n"), "second #3");
});

Deno.test("M3: a task in full says who waits for whom, and that this is a circle", () => {
  const text = shown(["down", "down", "enter"], { columns: 100, rows: 30 }).join("\n");
  assertStringIncludes(text, 'acquire lock "b", for 1 min 0 s; deadline: none');
  assertStringIncludes(text, "which is held by first #2");
  assertStringIncludes(text, "These wait for each other: a deadlock.");
});

Deno.test("M7: to cancel asks first, takes yes only, and is refused where it cannot be", () => {
  assertEquals(after(["down", "c"])[1], null);
  const [, wish] = after(["down", "c", "y"]);
  assertEquals((wish as { kind: string; row: { task: number } }).kind, "cancel");
  assertEquals((wish as { kind: string; row: { task: number } }).row.task, 2);
  const [state, none] = after(["down", "c", "n"]);
  assertEquals([none, state.said], [null, "not cancelled"]);
  const closed = { ...SNAPSHOT, settings: { ...SNAPSHOT.settings, allowCancel: false } };
  assertEquals(after(["down", "c", "y"], closed)[1], null);
  assertStringIncludes(after(["down", "c"], closed)[0].said, "allowCancel: true");
  assertStringIncludes(after(["4", "c"])[0].said, "no task");
});

Deno.test("M9: what is wrong with the connection stands above the table, and what is chosen stays so when rows go", () => {
  assertStringIncludes(shown([], undefined, "it is gone")[1]!, "it is gone");
  const [state] = after(["down", "down"]);
  const fewer = { ...SNAPSHOT, tasks: SNAPSHOT.tasks.filter(({ id }) => id !== 2) };
  const [, wish] = press(press(state, "c", fewer)[0], "y", fewer);
  assertEquals((wish as unknown as { row: { task: number } }).row.task, 3);
});
