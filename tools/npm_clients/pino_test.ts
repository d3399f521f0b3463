import { assertEquals } from "@std/assert";
import { pino } from "npm:pino@10.4.0";
import { whereabouts } from "../../examples/logging.ts";
import { all, currentTask, openNursery, run, sleep } from "../../mod.ts";

/** A logger, and the lines that it has written, as data. */
function logger(mixin: () => object): { log: ReturnType<typeof pino>; lines: Record<string, unknown>[] } {
  const lines: Record<string, unknown>[] = [];
  return { log: pino({ mixin }, { write: (line: string) => void lines.push(JSON.parse(line)) }), lines };
}

Deno.test("pino says of each line which task it belongs to, by a mixin, also in what knows nothing of tasks", async () => {
  const { log, lines } = logger(() => {
    const { name, id } = currentTask();
    return { task: name, taskId: id };
  });
  // What is a child of the logger has the mixin, too.
  const library = log.child({ module: "library" });
  const query = async (text: string) => {
    await sleep(1);
    library.info(text);
  };
  await run(async () => {
    log.info("begin");
    await openNursery((nursery) => {
      for (const name of ["a", "b"]) {
        nursery.startSoon(async () => {
          await query(`first of ${name}`);
          await Promise.all([query(`second of ${name}`), query(`third of ${name}`)]);
        }, { name });
      }
    });
    log.info("end");
  }, { handleSignals: false });
  const said = lines.map(({ msg, task, taskId, module }) => [msg, task, taskId, module]);
  assertEquals(said.filter(([, task]) => task === "main"), [
    ["begin", "main", 1, undefined],
    ["end", "main", 1, undefined],
  ]);
  for (const [name, id] of [["a", 2], ["b", 3]]) {
    assertEquals(
      said.filter(([, task]) => task === name),
      ["first", "second", "third"].map((nth) => [`${nth} of ${name}`, name, id, "library"]),
    );
  }
  assertEquals(said.length, 8);
});

Deno.test("the fields of examples/logging.ts are a mixin of pino as they are, with the tasks of all()", async () => {
  const { log, lines } = logger(() => whereabouts());
  await run(() => all([() => log.info("one"), () => log.warn("two")]), { handleSignals: false });
  assertEquals(lines.map(({ msg, level }) => [msg, level]), [["one", 30], ["two", 40]]);
  assertEquals(new Set(lines.map(({ taskId }) => taskId)).size, 2);
  assertEquals(lines.every(({ task }) => typeof task === "string"), true);
});
