import { assert, assertEquals } from "@std/assert";
import * as chat from "./chat_cluster.ts";
import { chatScenario } from "./_chat_scenario.ts";
import { mutant } from "./_mutant.ts";

const SEEDS = 20;

Deno.test("chat_cluster.ts: a process dies, NATS is away: nothing is lost, nothing comes twice, with any seed", async () => {
  for (let seed = 0; seed < SEEDS; seed++) {
    const { faults, deliveries, left } = await chatScenario(chat, seed);
    assertEquals(faults, [], `seed ${seed}`);
    assert(deliveries >= 6 * 6 * 60, `seed ${seed}: ${deliveries}`);
    // Each of the two others has noticed that one has left, and nobody else.
    assertEquals(left.map((line) => line.slice(0, 2)).sort(), ["n0", "n1"], `seed ${seed}`);
  }
});

Deno.test("chat_cluster.ts: the same seed gives the same course", async () => {
  const [first, second] = [await chatScenario(chat, 7), await chatScenario(chat, 7)];
  assertEquals(first, second);
});

Deno.test("chat_cluster.ts: without its repair it loses lines", async () => {
  const change = { file: "_bus.ts", text: "if (mustAsk) nursery", by: "if (false) nursery" };
  const broken = await mutant<typeof chat>("chat_cluster.ts", change);
  assert((await chatScenario(broken, 0)).faults.length > 0);
});

Deno.test("chat_cluster.ts: if who is silent is forgotten, lines are lost", async () => {
  const change = {
    file: "_bus.ts",
    text: "    if (currentTime() - (this.#peers.get(this.id)?.heard ?? 0) > 2 * BEAT) return;",
    by: "for (const [node, { heard }] of this.#peers) if (currentTime() - heard > SILENCE) this.#peers.delete(node);",
  };
  const broken = await mutant<typeof chat>("chat_cluster.ts", change);
  assert((await chatScenario(broken, 0, { away: 2_500 })).faults.length > 0);
  assertEquals((await chatScenario(chat, 0, { away: 2_500 })).faults, []);
});

Deno.test("chat_cluster.ts: if a line that comes again is told again, lines come twice", async () => {
  const change = {
    file: "_bus.ts",
    text: "if (n >= peer.next) peer",
    by: "if (n < peer.next) this.#options.heard(what); peer",
  };
  const broken = await mutant<typeof chat>("chat_cluster.ts", change);
  assert((await chatScenario(broken, 0)).faults.length > 0);
});
