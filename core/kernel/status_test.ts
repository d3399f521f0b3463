import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { type Cancelled, makeCancelled } from "./cancelled.ts";
import {
  cancelNode,
  catches,
  closeNode,
  endNode,
  moveNode,
  requestShutdown,
  SCOPE_ENDED,
  setShield,
  walk,
  whenEmpty,
} from "./status.ts";
import { StatusNode } from "./node.ts";
import { turnsFor } from "./turns.ts";
import { Waiter } from "./waiter.ts";

/** All that the machine and its waiters ask of a task. */
const TASK = {
  waitBegan: () => {},
  waitEnded: () => {},
  runtime: {
    running: 0,
    time: 0,
    instruments: null,
    schedule: null,
    turns: turnsFor({}),
    finished: false,
    allWaiting: () => {},
  },
} as unknown as StatusNode["task"];

const root = () => new StatusNode(null, TASK, false);
const below = (parent: StatusNode, shield = false) => new StatusNode(parent, TASK, shield);

/** A wait in a node that notes its aborts; `then` runs in each. */
function waitIn(node: StatusNode, aborts: unknown[], name: unknown = "aborted", then = () => {}): Waiter<unknown> {
  return new Waiter<unknown>(
    node,
    { kind: "test" },
    (() => {
      aborts.push(name);
      then();
      return true;
    }) as never,
  );
}

function chain(length: number, top: StatusNode): StatusNode {
  let bottom = top;
  for (let i = 0; i < length; i++) bottom = below(bottom);
  return bottom;
}

Deno.test("a node is cancelled by its own cancel or its parent's, and by no child's", () => {
  const top = root();
  const [left, right] = [below(top), below(top)];
  const leaf = below(left);
  const cause = makeCancelled("explicit");
  cancelNode(left, cause);
  assertEquals([top, left, leaf, right].map(({ cancelled }) => cancelled), [null, cause, cause, null]);
});

Deno.test("a node made below a cancelled one is cancelled from the start, unless it is shielded", () => {
  const top = root();
  const cause = makeCancelled("explicit");
  cancelNode(top, cause);
  assertStrictEquals(below(top).cancelled, cause);
  assertEquals(below(top, true).cancelled, null);
});

Deno.test("the first own reason stays, and an own reason wins over an inherited one", () => {
  const top = root();
  const node = below(top);
  const [first, second, above] = ["first", "second", "above"].map((reason) => makeCancelled("explicit", reason));
  cancelNode(node, first!);
  cancelNode(node, second!);
  cancelNode(top, above!);
  assertStrictEquals(node.cancelled, first);
});

Deno.test("a shield hides the parent's cancellation at once, both ways, and not the node's own", () => {
  const top = root();
  const node = below(top, true);
  const leaf = below(node);
  const above = makeCancelled("explicit", "above");
  cancelNode(top, above);
  assertEquals([node.cancelled, leaf.cancelled], [null, null]);
  setShield(node, false);
  assertEquals([node.cancelled, leaf.cancelled], [above, above]);
  setShield(node, true);
  assertEquals([node.cancelled, leaf.cancelled], [null, null]);
  const own = makeCancelled("explicit", "own");
  cancelNode(node, own);
  assertEquals([node.cancelled, leaf.cancelled], [own, own]);
});

Deno.test("the outermost visible cancelled node catches, seen at the moment of asking", () => {
  const top = root();
  const outer = below(top);
  const inner = below(outer);
  cancelNode(inner, makeCancelled("explicit"));
  assertEquals([catches(inner), catches(outer)], [true, false]);
  cancelNode(outer, makeCancelled("explicit"));
  assertEquals([catches(inner), catches(outer)], [false, true]);
  setShield(inner, true);
  assertEquals([catches(inner), catches(outer)], [true, true]);
  setShield(outer, true);
  setShield(inner, false);
  assertEquals([catches(inner), catches(outer), catches(top)], [false, true, false]);
});

Deno.test("a shielded node that is not cancelled itself catches nothing of what is cancelled above", () => {
  const outer = below(root());
  const inner = below(outer);
  cancelNode(outer, makeCancelled("explicit"));
  setShield(inner, true);
  assertEquals([catches(inner), catches(outer)], [false, true]);
});

Deno.test("cancelling aborts the waits of the whole region, once, and those behind a shield not", () => {
  const top = root();
  const shielded = below(top, true);
  const aborts: unknown[] = [];
  for (const [name, node] of [["top", top], ["below", below(top)], ["shielded", below(shielded)]] as const) {
    waitIn(node, aborts, name);
  }
  cancelNode(top, makeCancelled("explicit"));
  cancelNode(top, makeCancelled("explicit"));
  assertEquals(aborts.toSorted(), ["below", "top"]);
  setShield(shielded, false);
  assertEquals(aborts.toSorted(), ["below", "shielded", "top"]);
  setShield(shielded, true);
  setShield(shielded, false);
  assertEquals(aborts.length, 3);
});

Deno.test("all states are set before the first abort callback runs", () => {
  const top = root();
  const nodes = [top, below(top), below(below(top)), chain(50, top)];
  const seen: (Cancelled | null)[][] = [];
  const cause = makeCancelled("explicit");
  for (const node of nodes) waitIn(node, [], "", () => seen.push(nodes.map(({ cancelled }) => cancelled)));
  cancelNode(top, cause);
  assertEquals(seen.length, nodes.length);
  for (const states of seen) assertEquals(states, nodes.map(() => cause));
});

Deno.test("an abort callback may wake other waiters, cancel and shield other nodes, and close them", () => {
  const top = root();
  const [woken, cancelled, shielded, closed] = [below(top), below(top, true), below(top), below(top)];
  const aborts: unknown[] = [];
  const later = waitIn(woken, aborts, "woken");
  waitIn(cancelled, aborts, "cancelled");
  waitIn(shielded, aborts, "shielded");
  waitIn(closed, aborts, "closed");
  // Children are visited newest first, so this callback is the first to run.
  waitIn(below(top), aborts, "first", () => {
    assert(later.wake("value"));
    cancelNode(cancelled, makeCancelled("explicit"));
    setShield(shielded, true);
    closeNode(closed);
    cancelNode(top, makeCancelled("explicit"));
  });
  cancelNode(top, makeCancelled("explicit"));
  assertEquals(aborts, ["first", "cancelled", "closed"]);
  assertEquals(shielded.cancelled, null);
});

Deno.test("a moved subtree takes the state of its new parent, and its waits are aborted in the move", () => {
  const top = root();
  const [here, there] = [below(top), below(top)];
  const moved = below(here);
  const leaf = chain(3, moved);
  const aborts: unknown[] = [];
  waitIn(leaf, aborts);
  const cause = makeCancelled("explicit");
  cancelNode(there, cause);
  moveNode(moved, there);
  assertEquals([moved.cancelled, leaf.cancelled, aborts.length], [cause, cause, 1]);
  assertEquals([here.firstChild, there.firstChild, moved.parent], [null, moved, there]);
  cancelNode(here, makeCancelled("explicit"));
  assertStrictEquals(moved.cancelled, cause);
});

Deno.test("a subtree moved out of a cancelled region is cancelled no more, unless it was itself", () => {
  const top = root();
  const [here, there] = [below(top), below(top)];
  const [free, own] = [below(here), below(here)];
  const cause = makeCancelled("explicit");
  cancelNode(own, cause);
  cancelNode(here, makeCancelled("explicit"));
  moveNode(free, there);
  moveNode(own, there);
  assertEquals([free.cancelled, own.cancelled], [null, cause]);
});

Deno.test("moving keeps the links of the siblings it leaves and joins, whichever of them moves", () => {
  for (const which of [0, 1, 2]) {
    const [here, there] = [root(), root()];
    const children = [below(here), below(here), below(here)];
    const resident = below(there);
    const moved = children[which]!;
    moveNode(moved, there);
    const left: StatusNode[] = [];
    walk(here, (node) => (left.push(node), true));
    assertEquals(new Set(left), new Set([here, ...children.filter((child) => child !== moved)]));
    const joined: StatusNode[] = [];
    walk(there, (node) => (joined.push(node), true));
    assertEquals(joined, [there, moved, resident]);
  }
});

Deno.test("ending a node aborts what was forgotten below it, and refuses what comes later", () => {
  const top = root();
  const node = below(top);
  const leaf = below(node);
  const aborts: unknown[] = [];
  waitIn(leaf, aborts);
  endNode(node);
  assertEquals([aborts.length, top.firstChild, node.parent], [1, node, top]);
  let emptied = 0;
  whenEmpty(node, () => emptied++);
  closeNode(leaf);
  closeNode(node);
  assertEquals([top.firstChild, node.parent, emptied], [null, null, 1]);
  assertEquals([node.cancelled, leaf.cancelled, below(leaf).cancelled], [SCOPE_ENDED, SCOPE_ENDED, SCOPE_ENDED]);
  const empty = below(top);
  closeNode(empty);
  assertStrictEquals(empty.cancelled, SCOPE_ENDED);
});

Deno.test("a shutdown request reaches through shields, into nodes made or moved later, and cancels who asked", () => {
  const top = root();
  const shielded = below(top, true);
  const idle = below(shielded);
  idle.endsAtShutdown = true;
  const aborts: unknown[] = [];
  waitIn(idle, aborts, "idle");
  waitIn(shielded, aborts, "work");
  requestShutdown(top);
  requestShutdown(top);
  assertEquals(aborts, ["idle"]);
  assertEquals([top, shielded, idle, below(shielded)].map(({ shutdown }) => shutdown), [true, true, true, true]);
  assertEquals([top.cancelled, shielded.cancelled, idle.cancelled?.source], [null, null, "shutdown"]);
  const elsewhere = below(root());
  const waiting = below(elsewhere);
  waiting.endsAtShutdown = true;
  moveNode(elsewhere, top);
  assertEquals([elsewhere.shutdown, waiting.cancelled?.source], [true, "shutdown"]);
});

Deno.test("walk() visits in pre-order and leaves out what it is told to", () => {
  const top = root();
  const [second, first] = [below(top), below(top)];
  const leaf = below(first);
  below(second);
  const seen: StatusNode[] = [];
  walk(top, (node) => {
    seen.push(node);
    return node !== second;
  });
  assertEquals(seen, [top, first, leaf, second]);
});

Deno.test("a tree 100,000 deep is cancelled, shielded, moved, shut down and closed without recursion", () => {
  const top = root();
  const middle = below(top);
  const bottom = chain(100_000, middle);
  const aborts: unknown[] = [];
  waitIn(bottom, aborts);
  const other = root();
  requestShutdown(top);
  assert(bottom.shutdown);
  moveNode(middle, other);
  cancelNode(top, makeCancelled("explicit"));
  assertEquals(bottom.cancelled, null);
  setShield(middle, true);
  const cause = makeCancelled("explicit");
  cancelNode(other, cause);
  assertEquals([bottom.cancelled, aborts.length], [null, 0]);
  setShield(middle, false);
  assertEquals(aborts.length, 1);
  assertStrictEquals(bottom.cancelled, cause);
  endNode(middle);
  assertStrictEquals(bottom.cancelled, SCOPE_ENDED);
});

Deno.test("a tree of 100,000 siblings is cancelled in one walk, each wait with the same Cancelled", async () => {
  const top = root();
  const waits: Promise<unknown>[] = [];
  for (let i = 0; i < 100_000; i++) waits.push(new Waiter<unknown>(below(top), { kind: "test" }, null).promise);
  const cause = makeCancelled("explicit");
  cancelNode(top, cause);
  const errors = new Set((await Promise.allSettled(waits)).map((result) => (result as PromiseRejectedResult).reason));
  assertEquals([...errors], [cause]);
});
