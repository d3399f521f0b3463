import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { currentTime, openNursery, run, sleep } from "../../core/mod.ts";
import { addInstrument, beginHostOperation } from "../../core/lowlevel.ts";
import { simulate, type Simulation } from "../../testing/mod.ts";
import { levelsOf } from "./_lanes.ts";
import { MOST_RECORDS, PAGE_CATEGORIES, type PageData } from "./_page_data.ts";
import { gapsOf, loadsOf } from "./_page_paint.ts";
import { ticksOf, timeWords } from "./_page_time.ts";
import { TraceRecorder } from "./trace_recorder.ts";

/** Records something in a simulation. */
async function record(body: (sim: Simulation, trace: TraceRecorder) => Promise<unknown>): Promise<TraceRecorder> {
  const trace = new TraceRecorder();
  await simulate(async (sim) => {
    using _ = addInstrument(trace);
    await body(sim, trace);
  });
  return trace;
}

function dataOf(html: string): PageData {
  const [, json] = /<script type="application\/json" id="data">(.*?)<\/script>/s.exec(html) ?? [];
  return JSON.parse(json!);
}

/** The records of a row, in words. */
function recordsOf({ strings, rows, records }: PageData, row: string): string[] {
  return records.filter(([index]) => rows[index!]!.name === row).map(([, category, name, start, end]) =>
    `${PAGE_CATEGORIES[category!]} ${strings[name!]} ${Math.round(start! / 1e6)}-${Math.round(end! / 1e6)}`
  );
}

const shortStory = () =>
  record(async () => {
    await openNursery(async (nursery) => {
      nursery.startSoon(() => sleep(30), { name: "long" });
      for (let n = 0; n < 3; n++) await nursery.startSoon(() => sleep(5), { name: "short" }).join();
    }, { name: "jobs" });
  });

Deno.test("T7: rows are in the order of the tree; tasks of one name, one after the other, share a row", async () => {
  const data = dataOf((await shortStory()).toHtml());
  const rows = data.rows.map(({ name, depth }) => [name.replace(/#\d+/, "#N"), depth]);
  assertEquals(rows, [["main #N", 0], ["long #N", 1], ["short ×3", 1]]);
  assertEquals(recordsOf(data, "short ×3"), [
    "time sleep 0-5",
    "running short 0-5",
    "time sleep 5-10",
    "running short 5-10",
    "time sleep 10-15",
    "running short 10-15",
  ]);
  assertEquals([data.from, Math.round(data.to / 1e6), data.notes], [0, 30, []]);
});

Deno.test("T7: a page is one file, the same each time, and has no tag or text of others in it but as data", async () => {
  const hostile = '</script><script>x</script><!-- \u2028 <img src=x onerror=y> & "';
  const body = () =>
    record(async () => {
      await openNursery((nursery) => void nursery.startSoon(() => sleep(1), { name: hostile }), { name: hostile });
    });
  const html = (await body()).toHtml({ title: hostile });
  assertEquals(html, (await body()).toHtml({ title: hostile }));
  assert(!/https?:|<link|@import|url\(|\bimport\b/.test(html));
  assert(!html.includes("<script>x") && !html.includes("<img") && !html.includes("<!--"));
  assertEquals([...html.matchAll(/<\/script>/g)].length, 2);
  assert(dataOf(html).rows.some(({ name }) => name.startsWith(hostile)));
  assert(!/ on\w+=| style=/.test(html.replace(/<script.*?<\/script>/gs, "").replaceAll("onerror=y", "")));
});

Deno.test("T7: more than 20,000 records, and what the recorder had to drop, are said to be left out", async () => {
  const trace = new TraceRecorder({ capacity: 22_000 });
  await simulate(async () => {
    using _ = addInstrument(trace);
    for (let n = 0; n < 25_000; n++) await sleep(1);
    const data = dataOf(trace.toHtml());
    assertEquals(data.records.length, MOST_RECORDS);
    assertEquals(data.notes, [
      "2001 older records are left out: a page shows 20000",
      '3000 records had to go before: see the recorder\'s "capacity"',
    ]);
    // What is shown at first is what is left.
    assertEquals(Math.round(data.from / 1e6), 5_002);
    assertEquals(Math.round(data.to / 1e6), 25_000);
    assertEquals(recordsOf(data, data.rows[0]!.name).at(-1), "running main 0-25000");
    // Of what is left out, nothing is of the last second.
    assertEquals(dataOf(trace.since(24_000).toHtml()).notes, []);
    assertEquals(JSON.parse(trace.since(24_000).toJson()).otherData, { dropped: 0 });
  });
});

Deno.test("T7: operations of the host have a row of their own", async () => {
  const trace = new TraceRecorder();
  await run(() => {
    beginHostOperation("read file").end();
    beginHostOperation("goes on");
    const { rows, records } = dataOf(trace.toHtml());
    assertEquals(rows[0]!.name, "operations of the host");
    assertEquals(records.filter(([row]) => row === 0).length, 2);
  }, { handleSignals: false, instruments: [trace] });
});

Deno.test("T7: a nonce is in all that needs one; what could be no nonce is refused, as are bad options", async () => {
  const trace = await shortStory();
  const html = trace.toHtml({ nonce: "a+/b-_=" });
  assertStringIncludes(html, '<style nonce="a+/b-_=">');
  assertStringIncludes(html, '<script nonce="a+/b-_=">');
  assertStringIncludes(html, "script-src 'nonce-a+/b-_='");
  assertThrows(() => trace.toHtml({ nonce: "'\"" }), RangeError, '"nonce"');
  assertThrows(() => trace.toHtml({ nonce: "" }), RangeError, '"nonce"');
  assertThrows(() => trace.toHtml({ title: 1 as never }), TypeError, '"title" must be a string');
  assertThrows(() => trace.toHtml({ diagram: 1 as never }), TypeError, '"diagram" must be a string');
  assertThrows(() => trace.toHtml("x" as never), TypeError, '"options" must be an object');
  assertStringIncludes(trace.toHtml({ diagram: "<svg><text>net</text></svg>" }), "<svg><text>net</text></svg>");
});

Deno.test("T7: a page of a recorder that has seen nothing is a page", () => {
  const data = dataOf(new TraceRecorder().toHtml());
  assertEquals([data.rows, data.records, data.from, data.to], [[], [], 0, 0]);
});

Deno.test("T6: since() gives what had not ended by then, and does not change any more", async () => {
  await record(async (_sim, trace) => {
    await openNursery(async (nursery) => {
      nursery.startSoon(() => sleep(10), { name: "before" });
      nursery.startSoon(() => sleep(30), { name: "across" });
      await sleep(20);
      const later = trace.since(currentTime() - 5);
      nursery.startSoon(() => sleep(5), { name: "after" });
      await sleep(100);
      const names = (json: string): string[] => JSON.parse(json).traceEvents.map(({ name }: { name: string }) => name);
      assert(!names(later.toJson()).includes("before") && !names(later.toJson()).includes("after"));
      assertEquals(dataOf(later.toHtml()).rows.map(({ name }) => name.replace(/ #.*/, "")), ["main", "across"]);
      assertEquals(Math.round(dataOf(later.toHtml()).to / 1e6), 20);
      assert(names(trace.since(0).toJson()).includes("before"));
      assertThrows(() => trace.since(NaN), RangeError, '"time"');
      assertThrows(() => trace.since("0" as never), TypeError, '"time"');
    });
  });
});

Deno.test("T7: times are said to three digits, and ticks are round and few enough", () => {
  const words = [0, 7, 1_500, 12_345_678, 999_999_999, 62_400_000_000, -2_000_000].map(timeWords);
  assertEquals(words, ["0 ns", "7 ns", "1.5 µs", "12.35 ms", "1000 ms", "62.4 s", "-2 ms"]);
  assertEquals(ticksOf(0, 300e6, 7).map(({ text }) => text), [
    "0 ms",
    "50 ms",
    "100 ms",
    "150 ms",
    "200 ms",
    "250 ms",
    "300 ms",
  ]);
  assertEquals(ticksOf(1e9 + 1, 1e9 + 12, 6).map(({ at }) => at - 1e9), [2, 4, 6, 8, 10, 12]);
  for (const [from, to] of [[0, 1], [-5e9, 7e12], [3, 3.5]] as const) assert(ticksOf(from, to, 10).length <= 12);
});

Deno.test("T7: a task has gaps where none of its waits is", () => {
  const spans = (...pairs: [number, number][]) => pairs.map(([start, end]) => ({ start, end }));
  const life = { start: 10, end: 100 };
  assertEquals(gapsOf(life, []), [[10, 100]]);
  assertEquals(gapsOf(life, spans([0, 5], [10, 20], [15, 40], [18, 30], [50, 60], [120, 130])), [[40, 50], [60, 100]]);
  assertEquals(gapsOf(life, spans([0, 200])), []);
  assertEquals(gapsOf(life, spans([20, 100])), [[10, 20]]);
});

Deno.test("T7: the overview sums up what there is in each part of the time", () => {
  const record = (category: number, start: number, end: number) => ({ category, start, end }) as never;
  const loads = loadsOf([record(1, 0, 40), record(1, 5, 10), record(2, 12, 18), record(3, 0, 40), record(1, 39, 99)], {
    from: 0,
    to: 40,
    parts: 4,
    counted: [1, 2],
  });
  assertEquals(loads.map((load) => load.map((share) => Math.round(share * 1e6) / 1e6)), [
    [0, 1.5, 0],
    [0, 1, 0.6],
    [0, 1, 0],
    [0, 1.1, 0],
  ]);
});

Deno.test("levels: no two overlap, what is within another is further down, and the last one takes the rest", () => {
  const spans = [[0, 10], [1, 9], [2, 3], [3, 5], [10, 12], [2, 8]].map(([start, end]) => ({
    start: start!,
    end: end!,
  }));
  const levels = (most: number) => spans.map((span) => levelsOf(spans, most).get(span));
  assertEquals(levels(9), [0, 1, 3, 3, 0, 2]);
  assertEquals(levels(2), [0, 1, 1, 1, 0, 1]);
});
