import { assert, assertEquals } from "@std/assert";
import * as jobs from "./jobs.ts";
import { jobsScenario } from "./_jobs_scenario.ts";
import { mutant } from "./_mutant.ts";

const SEEDS = 20;
const COUNT = 200;

Deno.test("jobs.ts: whatever dies, each job is done once or given up, with any seed", async () => {
  for (let seed = 0; seed < SEEDS; seed++) {
    const { done, dead, crashes } = await jobsScenario(jobs, seed, COUNT);
    assertEquals(new Set([...done, ...dead]).size, COUNT + 1, `seed ${seed}: lost or twice`);
    assertEquals(done.length + dead.length, COUNT + 1, `seed ${seed}: lost or twice`);
    const expected = ["odd", ...[50, 100, 150, 200].map(String)];
    assertEquals([...dead].sort(), expected.sort(), `seed ${seed}`);
    assert(crashes >= 3, `seed ${seed}: ${crashes}`);
  }
});

Deno.test("jobs.ts: the same seed gives the same course", async () => {
  assertEquals(await jobsScenario(jobs, 3, 50), await jobsScenario(jobs, 3, 50));
});

Deno.test("jobs.ts: if a job is confirmed before it is done, jobs are lost", async () => {
  const hasty = await mutant<typeof jobs>("jobs.ts", {
    file: "jobs.ts",
    text: "result = await failAfter(",
    by: "message.ack(); result = await failAfter(",
  });
  const lost = [];
  for (let seed = 0; seed < 5; seed++) {
    const { done, dead } = await jobsScenario(hasty, seed, COUNT);
    lost.push(COUNT + 1 - done.length - dead.length);
  }
  assert(Math.max(...lost) > 0, `${lost}`);
});

Deno.test("jobs.ts: without the key of the effect, jobs are done twice", async () => {
  const careless = await mutant<typeof jobs>("jobs.ts", {
    file: "jobs.ts",
    text: ", { expect: { lastSubjectSequence: 0 } }",
    by: "",
  });
  const twice = [];
  for (let seed = 0; seed < 5; seed++) {
    const { done, dead } = await jobsScenario(careless, seed, COUNT);
    twice.push(done.length + dead.length - new Set([...done, ...dead]).size);
  }
  assert(Math.max(...twice) > 0, `${twice}`);
});
