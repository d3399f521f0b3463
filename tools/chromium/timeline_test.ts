import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Lock, moveOnAfter, openNursery, run, sleep } from "../../core/mod.ts";
import { addInstrument } from "../../core/lowlevel.ts";
import { openTcpStream, serveTcp } from "../../net/mod.ts";
import { TraceRecorder } from "../../observe/mod.ts";
import { simulate } from "../../testing/mod.ts";
import { type Browser, isChromiumThere, openBrowser, type Page } from "./driver.ts";

const ignore = !isChromiumThere();
const HOSTILE = "</script><script>window.stolen = 1</script><img src=x onerror='window.stolen = 2'>";

/** A task that holds a lock for 100 ms, two that want it, and one with a hostile name. */
async function contention(trace: TraceRecorder): Promise<void> {
  await simulate(async () => {
    using _ = addInstrument(trace);
    const lock = new Lock({ name: "db" });
    await openNursery(async (nursery) => {
      const use = async (ms: number) => {
        using _ = await lock.acquire();
        await sleep(ms);
      };
      nursery.startSoon(() => use(100), { name: "migration" });
      for (const name of ["query", "report"]) nursery.startSoon(() => use(10), { name });
      nursery.startSoon(() => moveOnAfter(50, () => new Lock({ name: HOSTILE }).acquire().then(() => sleep(99))), {
        name: HOSTILE,
      });
      await sleep(1);
    }, { name: "jobs" });
  });
}

async function traceOf(program: (trace: TraceRecorder) => Promise<void>): Promise<TraceRecorder> {
  const trace = new TraceRecorder();
  await program(trace);
  return trace;
}

/** Opens HTML from a file, and sees to it in the end that the page has complained of nothing and asked for nothing. */
async function withPage(html: string, look: (page: Page) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempFile({ suffix: ".html" });
  try {
    await Deno.writeTextFile(path, html);
    await using browser: Browser = await openBrowser();
    const page = await browser.open(`file://${path}`);
    await look(page);
    assertEquals(page.problems, []);
    assertEquals(page.elsewhere, []);
    assertEquals(await page.evaluate("window.stolen === undefined"), true);
  } finally {
    await Deno.remove(path);
  }
}

const NAMES = "[...document.querySelectorAll('.name')].map((name) => name.textContent)";
const SPAN =
  "Number(document.querySelector('#plot').dataset.to) - Number(document.querySelector('#plot').dataset.from)";

/** Where a moment in a row is on the screen. */
async function pointIn(page: Page, row: string, ms: number): Promise<{ x: number; y: number }> {
  return await page.evaluate(`(() => {
    const { from, to } = document.querySelector("#plot").dataset;
    const area = document.querySelector("#canvas").getBoundingClientRect();
    const label = [...document.querySelectorAll(".name")].find((name) => name.textContent.startsWith(${
    JSON.stringify(row)
  }));
    const { y, height } = label.getBoundingClientRect();
    return { x: area.x + (${ms * 1e6} - from) / (to - from) * area.width, y: y + height - 10 };
  })()`);
}

/** The colour of the picture there, as an expression. */
function colourAt({ x, y }: { x: number; y: number }): string {
  return `(() => {
    const canvas = document.querySelector("#canvas");
    const area = canvas.getBoundingClientRect();
    const copy = window.copy ??= document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    copy.clearRect(0, 0, 1, 1);
    copy.drawImage(canvas, ${Math.round(x)} - area.x, ${Math.round(y)} - area.y, 1, 1, 0, 0, 1, 1);
    const colour = [...copy.getImageData(0, 0, 1, 1).data.slice(0, 3)];
    return "#" + colour.map((part) => part.toString(16).padStart(2, "0")).join("");
  })()`;
}

Deno.test(
  { name: "T7 (5): rows are the tasks in tree order; who waits for a lock is seen at first sight", ignore },
  async () => {
    const trace = await traceOf(contention);
    await withPage(trace.toHtml({ title: "Contention" }), async (page) => {
      assertEquals(await page.evaluate("document.title"), "Contention");
      const names = await page.evaluate<string[]>(NAMES);
      assertEquals(names.map((name) => name.replace(/ #\d+$/, "")), ["main", "migration", "query", "report", HOSTILE]);
      const colour = (name: string) =>
        page.evaluate<string>(`getComputedStyle(document.documentElement).getPropertyValue("--${name}").trim()`);
      for (const scheme of ["light", "dark"] as const) {
        await page.setColorScheme(scheme);
        const lock = await colour("lock");
        const is = JSON.stringify(lock);
        await page.waitFor(`${colourAt(await pointIn(page, "query", 90))} === ${is}`);
        await page.waitFor(`${colourAt(await pointIn(page, "report", 90))} === ${is}`);
        await page.waitFor(`${colourAt(await pointIn(page, "migration", 90))} !== ${is}`);
        await page.waitFor(`${colourAt(await pointIn(page, "query", 115))} !== ${is}`);
      }
    });
  },
);

Deno.test(
  { name: "T7 (5): the tooltip and the selection say what it is, for what, and who has woken it", ignore },
  async () => {
    const trace = await traceOf(contention);
    await withPage(trace.toHtml(), async (page) => {
      await page.move(await pointIn(page, "query", 60));
      await page.waitFor("!document.querySelector('#tip').hidden");
      const words = await page.evaluate<string>("document.querySelector('#tip').innerText.replaceAll('\\n', ' ')");
      for (
        const part of [
          "acquire lock",
          "in query",
          "took 100 ms",
          'for "db" held by task "migration" #2',
          "woken by migration",
        ]
      ) {
        assertStringIncludes(words, part);
      }
      await page.move({ x: 2, y: 2 });
      await page.waitFor("document.querySelector('#tip').hidden");
      await page.click(await pointIn(page, HOSTILE, 25));
      await page.waitFor("!document.querySelector('#detail').hidden");
      assertStringIncludes(await page.evaluate<string>("document.querySelector('#detail').textContent"), "sleep");
      assertStringIncludes(await page.evaluate<string>("document.querySelector('#detail').textContent"), HOSTILE);
      await page.press("Escape");
      await page.waitFor("document.querySelector('#detail').hidden");
      await page.press("n");
      await page.press("n");
      await page.press("p");
      await page.waitFor("document.querySelector('#detail').textContent.startsWith('main')");
    });
  },
);

Deno.test({ name: "T7 (5): wheel, keys and buttons zoom where one is; dragging and keys move", ignore }, async () => {
  const trace = await traceOf(contention);
  await withPage(trace.toHtml(), async (page) => {
    const whole = await page.evaluate<number>(SPAN);
    const at = await pointIn(page, "query", 100);
    await page.wheel(at, { y: -200 });
    await page.waitFor(`${SPAN} < ${whole} * 0.7`);
    const same = await pointIn(page, "query", 100);
    assert(Math.abs(same.x - at.x) < 1, `${same.x} ${at.x}`);
    const closer = await page.evaluate<number>(SPAN);
    await page.drag(at, { x: at.x + 100, y: at.y });
    await page.waitFor("!document.querySelector('#canvas').classList.contains('dragged')");
    assert(Math.abs(await page.evaluate<number>(SPAN) / closer - 1) < 1e-9);
    await page.evaluate("new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))");
    assert(Math.abs((await pointIn(page, "query", 100)).x - at.x - 100) < 1.5);
    const from = await page.evaluate<number>("Number(document.querySelector('#plot').dataset.from)");
    await page.press("ArrowRight");
    await page.waitFor(`Number(document.querySelector('#plot').dataset.from) > ${from}`);
    await page.press("+");
    await page.waitFor(`${SPAN} < ${closer} * 0.8`);
    await page.press("-");
    await page.press("-");
    await page.waitFor(`${SPAN} > ${closer} * 1.2`);
    await page.press("Home");
    await page.waitFor(`Math.abs(${SPAN} - ${whole}) < 1`);
    await page.click("#closer");
    await page.waitFor(`Math.abs(${SPAN} - ${whole} / 2) < 1`);
    await page.click("#further");
    await page.click("#fit");
    await page.waitFor(`Math.abs(${SPAN} - ${whole}) < 1`);
  });
});

Deno.test(
  { name: "T7 (5): a search leaves the rows that have something of it; a category can be taken out", ignore },
  async () => {
    const trace = await traceOf(contention);
    await withPage(trace.toHtml(), async (page) => {
      await page.press("/");
      await page.type('"DB" held');
      await page.waitFor(`${NAMES}.length === 2`);
      assertEquals((await page.evaluate<string[]>(NAMES)).map((name) => name.slice(0, 5)), ["query", "repor"]);
      assertEquals(await page.evaluate("document.querySelector('#found').textContent"), "2 in 2 rows");
      await page.press("Enter");
      await page.waitFor("document.querySelector('#detail').textContent.startsWith('acquire lock')");
      await page.press("Escape");
      await page.waitFor(`${NAMES}.length === 5`);
      const before = await page.evaluate(colourAt(await pointIn(page, "query", 50)));
      await page.click("#legend .lock");
      await page.waitFor(`${colourAt(await pointIn(page, "query", 50))} !== ${JSON.stringify(before)}`);
      assertEquals(
        await page.evaluate("document.querySelector('#legend .lock').getAttribute('aria-pressed')"),
        "false",
      );
    });
  },
);

Deno.test(
  { name: "T7 (5): 20,000 records are there in time, and so they are under the policy of a server", ignore },
  async () => {
    const trace = new TraceRecorder();
    await run(async () => {
      await openNursery((nursery) => {
        for (let n = 0; n < 300; n++) {
          nursery.startSoon(async () => {
            for (let i = 0; i < 100; i++) await sleep(0);
          }, { name: `task ${n}` });
        }
      });
    }, { handleSignals: false, instruments: [trace] });
    const nonce = "c29tZSByYW5kb20/+==";
    const html = trace.toHtml({ nonce, title: "Many" });
    const headers = {
      "content-type": "text/html",
      "content-security-policy": `default-src 'none'; script-src 'nonce-${nonce}'; style-src 'nonce-${nonce}'`,
    };
    await using server = Deno.serve(
      { port: 0, hostname: "127.0.0.1", onListen: () => {} },
      () => new Response(html, { headers }),
    );
    await using browser = await openBrowser();
    const page = await browser.open(`http://127.0.0.1:${server.addr.port}/`);
    await page.waitFor(`${NAMES}.length > 10`);
    assertStringIncludes(await page.evaluate<string>("document.querySelector('#notes').textContent"), "20000");
    // Only what is to be seen is in the document.
    assert(await page.evaluate<number>(`${NAMES}.length`) < 60);
    await page.evaluate("document.querySelector('#plot').scrollTop = 1e9");
    await page.waitFor(`${NAMES}.some((name) => name.startsWith("task 299"))`);
    assertEquals(page.problems, []);
    assertEquals(page.elsewhere, []);
  },
);

Deno.test(
  { name: "T9 (5): a network drawn below the tasks has its colours under the policy of the page", ignore },
  async () => {
    const trace = new TraceRecorder();
    const html = await simulate(async (sim) => {
      using _ = addInstrument(trace);
      sim.net.host("db").startSoon(() => serveTcp(() => {}, { port: 7 }));
      await using _stream = await openTcpStream("db", 7);
      return trace.toHtml({ diagram: sim.net.diagram() });
    });
    await withPage(html, async (page) => {
      const colour = "getComputedStyle(document.querySelector('.network-diagram .message line')).stroke";
      await page.setColorScheme("light");
      assertEquals(await page.evaluate(colour), "rgb(37, 99, 184)");
      await page.setColorScheme("dark");
      assertEquals(await page.evaluate(colour), "rgb(127, 178, 242)");
      assertStringIncludes(await page.evaluate<string>("document.querySelector('#diagram').textContent"), "connect");
      // The tasks take no more room than they need.
      assert(await page.evaluate<number>("document.querySelector('#trace').clientHeight") < 500);
    });
  },
);
