/** The monitor's page in a real browser. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Event, Lock, openMemoryChannel, openNursery, run, sleep, sleepForever } from "../../core/mod.ts";
import { beginHostOperation } from "../../core/lowlevel.ts";
import { type Monitor, type MonitorOptions, openMonitor } from "../../observe/mod.ts";
import { type Browser, isChromiumThere, openBrowser, type Page } from "./driver.ts";

const HOSTILE = '<img src=x onerror="window.hacked=1"></script><script>window.hacked=1</script>';
const ignore = !isChromiumThere();

/** Runs a program with a lock that is held, a full channel, a hostile name, and its monitor's page. */
async function withPage(
  body: (page: Page, monitor: Monitor) => Promise<void>,
  options: MonitorOptions = {},
): Promise<void> {
  await using browser: Browser = await openBrowser();
  await run(() =>
    openNursery(async (nursery) => {
      const [send, receive] = openMemoryChannel<number>(1, { name: "orders" });
      await using monitor = openMonitor({ interval: 50, watch: { orders: send }, ...options });
      const lock = new Lock({ name: "db" });
      const operation = beginHostOperation("read /dev/slow");
      nursery.startSoon(async function migrate() {
        using _ = await lock.acquire();
        await sleepForever();
      }, { name: "migration" });
      await sleep(1);
      nursery.startSoon(async () => {
        for (let n = 0;; n++) await send.send(n);
      }, { name: "producer" });
      nursery.startSoon(() => new Event({ name: HOSTILE }).wait(), { name: HOSTILE });
      nursery.startSoon(async () => {
        await sleep(5);
        for (const end = performance.now() + 150; performance.now() < end;);
        await sleepForever();
      }, { name: "parser" });
      for (let n = 0; n < 3_000; n++) {
        nursery.startSoon(async function query() {
          using _ = await lock.acquire();
        }, { name: `query ${n}` });
      }
      const page = await browser.open(monitor.url);
      await page.waitFor("document.querySelectorAll('#window .row').length > 10");
      await body(page, monitor);
      assertEquals(page.problems, []);
      assertEquals(page.elsewhere, []);
      assertEquals(await page.evaluate("window.hacked === undefined"), true);
      operation.end();
      nursery.cancel();
      receive.close();
    }), { handleSignals: false });
}

const rows = (page: Page) =>
  page.evaluate<string[]>(
    "[...document.querySelectorAll('#window .row')].map((row) => row.innerText.replace(/\\s+/g, ' '))",
  );
const text = (page: Page, id: string) => page.evaluate<string>(`document.getElementById("${id}").textContent`);
const type = async (page: Page, words: string): Promise<void> => {
  await page.evaluate("document.getElementById('filter').value = ''");
  await page.click("#filter");
  await page.type(words);
};

Deno.test(
  { name: "M3: the page shows the tree, live, with what is waited for, since when and where", ignore },
  async () => {
    await withPage(async (page) => {
      const shown = await rows(page);
      assertStringIncludes(shown[0]!, "main #1");
      assert(
        shown.some((row) => /^migration #2 sleep for ever .* migrate \(monitor_test\.ts:\d+:\d+\)/.test(row)),
        shown.join("\n"),
      );
      assert(
        shown.some((row) => /^query 0 #\d+ acquire lock "db" held by task "migration" #2 .* none query \(/.test(row)),
        shown.join("\n"),
      );
      // It goes on.
      for (let n = 0; n < 3; n++) {
        const before = await text(page, "numbers");
        await page.waitFor(`document.getElementById("numbers").textContent !== ${JSON.stringify(before)}`);
      }
      assertMatch(await text(page, "left-out"), /^100\d more tasks are not shown here: see Groups$/);
    });
  },
);

Deno.test({ name: "M4: of thousands of rows only those are made that can be seen", ignore }, async () => {
  await withPage(async (page) => {
    assert((await rows(page)).length < 60);
    await page.evaluate("document.getElementById('body').scrollTop = 30_000");
    await page.waitFor("document.querySelector('#window .row').innerText.includes('query 11')");
    assert((await rows(page)).length < 60);
  });
});

Deno.test({ name: "M3: each tab shows what it says", ignore }, async () => {
  await withPage(async (page) => {
    const expected: Readonly<Record<string, string>> = {
      waits: "acquire lock",
      groups: "3000 query N acquire lock",
      resources: "orders 1 currentBufferUsed 1",
      operations: "read /dev/slow",
      loop: "parser",
      tasks: "migration",
    };
    for (const [tab, words] of Object.entries(expected)) {
      await page.click(`[data-tab=${tab}]`);
      await page.waitFor(
        `document.getElementById("window").innerText.replace(/\\s+/g, " ").includes(${JSON.stringify(words)})`,
      );
      assertEquals(await page.evaluate(`document.querySelector("[data-tab=${tab}]").ariaSelected`), "true");
    }
    await page.press("3");
    await page.waitFor("document.querySelector('[data-tab=groups]').ariaSelected === 'true'");
  });
});

Deno.test({ name: "M3: a filter, a task in full with who waits for whom, and folding", ignore }, async () => {
  await withPage(async (page) => {
    await type(page, "QUERY 1234");
    await page.waitFor("document.querySelectorAll('#window .row').length === 1");
    await page.click("#window .row");
    await page.waitFor("!document.getElementById('details').hidden");
    const details = await text(page, "details-text");
    assertStringIncludes(details, 'acquire lock "db" held by task "migration" #2');
    assertStringIncludes(details, "which is held by migration #2: sleep for ever");
    assertStringIncludes(details, "    at migrate (");
    // What is chosen stays so from one snapshot to the next, and Escape takes all back.
    await page.press("Escape");
    await page.waitFor("document.getElementById('details').hidden");
    await page.waitFor("document.querySelectorAll('#window .row').length > 10");
    await page.click("#window .row .fold");
    await page.waitFor("document.querySelectorAll('#window .row').length === 1");
    await page.click("#window .row .fold");
    await page.waitFor("document.querySelectorAll('#window .row').length > 10");
    // By the keyboard.
    await page.press("ArrowDown");
    await page.press("ArrowDown");
    await page.waitFor("document.getElementById('details-text').textContent.startsWith('migration #2')");
    await page.press("/");
    assertEquals(await page.evaluate("document.activeElement.id"), "filter");
  });
});

Deno.test({ name: "M3: names with HTML in them are text, in every tab", ignore }, async () => {
  await withPage(async (page) => {
    await type(page, "onerror");
    for (const tab of ["tasks", "groups", "resources"]) {
      await page.click(`[data-tab=${tab}]`);
      await page.waitFor("document.querySelectorAll('#window .row').length > 0");
      assertStringIncludes((await rows(page)).join(), "<img src=x onerror");
      await page.click("#window .row");
    }
    assertEquals(await page.evaluate("document.querySelectorAll('main img, main script').length"), 0);
  });
});

Deno.test({ name: "M3: what is paused stands still", ignore }, async () => {
  await withPage(async (page) => {
    await page.click("#pause");
    const before = await rows(page);
    const numbers = await text(page, "numbers");
    await page.waitFor(`document.getElementById("numbers").textContent !== ${JSON.stringify(numbers)}`);
    assertEquals(await rows(page), before);
    await page.click("#pause");
    await page.waitFor(`document.querySelector("#window .row").innerText !== ${JSON.stringify(before[0])}`);
  });
});

Deno.test(
  { name: "M7: a task is cancelled by a button that asks first, and only where that is allowed", ignore },
  async () => {
    await withPage(async (page) => {
      await type(page, "producer");
      await page.click("#window .row");
      await page.waitFor("!document.getElementById('cancel').hidden");
      await page.click("#cancel");
      assertEquals(await text(page, "cancel"), "Really cancel it?");
      assertStringIncludes((await rows(page)).join(), "producer");
      await page.click("#cancel");
      await page.waitFor("document.getElementById('details-notice').textContent === 'cancelled'");
      await page.waitFor("document.querySelectorAll('#window .row').length === 0");
      await type(page, "main #1");
      await page.click("#window .row");
      assertEquals(await page.evaluate("document.getElementById('cancel').hidden"), true);
    }, { allowCancel: true });
    await withPage(async (page) => {
      await type(page, "producer");
      await page.click("#window .row");
      await page.waitFor("!document.getElementById('details').hidden");
      assertEquals(await page.evaluate("document.getElementById('cancel').hidden"), true);
    });
  },
);

Deno.test({ name: "M3: a program whose loop is blocked, and one that has ended, are told of", ignore }, async () => {
  await using browser = await openBrowser();
  const monitor = openMonitor({ interval: 50 });
  const page = await browser.open(monitor.url);
  await page.waitFor("document.querySelector('#numbers .value').textContent !== '–'");
  await page.evaluate(`(() => {
    window.notices = [];
    new MutationObserver(() => notices.push(document.getElementById("notice").textContent))
      .observe(document.getElementById("notice"), { childList: true });
  })()`);
  for (const end = performance.now() + 3_500; performance.now() < end;);
  await page.waitFor(
    "notices.some((text) => /^Last update .* ago: the event loop of the program is blocked/.test(text))",
  );
  await page.waitFor("document.getElementById('notice').hidden");
  await monitor.close();
  await page.waitFor("document.getElementById('notice').textContent.startsWith('The program cannot be reached')");
});

Deno.test({ name: "M5: without the token, or with another one, the page says what is missing", ignore }, async () => {
  await using browser = await openBrowser();
  await using monitor = openMonitor();
  const { origin } = new URL(monitor.url);
  const without = await browser.open(`${origin}/`);
  await without.waitFor("document.getElementById('notice').textContent.startsWith('The token is missing')");
  const wrong = await browser.open(`${origin}/#${"0".repeat(32)}`);
  await wrong.waitFor("document.getElementById('notice').textContent.includes('the token is another one')");
});

Deno.test({ name: "M3: light and dark, and a small screen", ignore }, async () => {
  await withPage(async (page) => {
    const back = () => page.evaluate<string>("getComputedStyle(document.body).backgroundColor");
    await page.setColorScheme("light");
    const light = await back();
    await page.setColorScheme("dark");
    assert(await back() !== light);
    await page.setViewport(390, 800);
    assert(await page.evaluate<boolean>("document.documentElement.scrollWidth <= 390"));
    await page.waitFor("document.querySelectorAll('#window .row').length > 3");
  });
});
