import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import {
  cancellable,
  checkpoint,
  currentTime,
  Event,
  Lock,
  moveOnAfter,
  type Nursery,
  openMemoryChannel,
  openNursery,
  run,
  sleep,
  sleepForever,
} from "../../core/mod.ts";
import { beginHostOperation } from "../../core/lowlevel.ts";
import { settled, simulate } from "../../testing/mod.ts";
import type { HasStatistics } from "../has_statistics.ts";
import { pageOf } from "./_page.ts";
import { Program } from "./_program.ts";
import { Site, type SiteOptions } from "./_site.ts";
import type { Snapshot } from "./_wire.ts";

const TOKEN = "0123456789abcdef";
const ORIGIN = "http://127.0.0.1:9001";

interface WithSite extends Partial<Omit<SiteOptions, "program" | "watch">> {
  readonly watch?: Readonly<Record<string, HasStatistics>>;
}

/** Runs a body with a site over the run it is in. */
async function withSite<T>(
  body: (site: Site) => Promise<T>,
  { watch = {}, ...options }: WithSite = {},
): Promise<T> {
  const program = new Program(options.oldAfter ?? 10_000);
  const site = new Site({
    program,
    token: TOKEN,
    local: true,
    allowCancel: false,
    interval: 500,
    oldAfter: 10_000,
    maxTasks: 2_000,
    watch: new Map(Object.entries(watch)),
    stalled: () => {},
    ...options,
  });
  try {
    return await body(site);
  } finally {
    site.close();
    program.close();
  }
}

function ask(site: Site, path: string, { method = "GET", headers = {}, token = TOKEN, host = "127.0.0.1:9001" }: {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly token?: string;
  readonly host?: string;
} = {}): Promise<Response> {
  const authorization: Record<string, string> = token === "" ? {} : { authorization: `Bearer ${token}` };
  const request = new Request(`${ORIGIN}${path}`, { method, headers: { ...authorization, ...headers } });
  // A header that pages may not set; a server has it.
  Object.defineProperty(request, "headers", { value: new Headers([...request.headers, ["host", host]]) });
  return site.answer(request);
}

async function snapshotOf(site: Site): Promise<Snapshot> {
  return await (await ask(site, "/snapshot")).json();
}

Deno.test("M5: without the token, with another one, or by another name, nothing is told and nothing is done", async () => {
  await simulate(() =>
    openNursery((nursery) =>
      withSite(async (site) => {
        const task = nursery.startSoon(() => sleepForever(), { name: "secret name" });
        await settled();
        const paths = ["/events", "/snapshot", "/tree", "/metrics", "/trace", "/trace.html", "/profile"];
        const requests = [
          ...paths.map((path) => ["GET", path] as const),
          ["POST", `/cancel?task=${task.id}`] as const,
          ["GET", "/nothing"] as const,
        ];
        for (const [method, path] of requests) {
          const without = await ask(site, path, { method, token: "" });
          assertEquals([without.status, without.headers.get("www-authenticate") !== null], [401, true], path);
          const body = await without.text();
          assertStringIncludes(body, "authorization: Bearer");
          for (const token of ["x", TOKEN.slice(1), `${TOKEN}0`, TOKEN.toUpperCase(), "0123456789abcdeF"]) {
            const wrong = await ask(site, path, { method, token });
            assertEquals(wrong.status, 403, `${path} ${token}`);
            assert(!(await wrong.text()).includes("secret"));
          }
          for (
            const host of ["evil.example", "127.0.0.1.evil.example", "localhost.evil:9001", "", "0.0.0.0:9001", "[::2]"]
          ) {
            assertEquals((await ask(site, path, { method, host })).status, 403, `${path} ${host}`);
          }
        }
        for (
          const headers of [{ authorization: TOKEN }, { authorization: `Basic ${TOKEN}` }, { cookie: `token=${TOKEN}` }]
        ) {
          assertEquals((await ask(site, "/tree", { token: "", headers })).status, 401);
        }
        assertEquals((await ask(site, `/tree?token=${TOKEN}`, { token: "" })).status, 401);
        for (const host of ["localhost", "LOCALHOST:1", "127.0.0.1", "127.1.2.3:80", "[::1]:9001"]) {
          const there = await ask(site, "/tree", { host });
          assertEquals(there.status, 200, host);
          await there.text();
        }
        assertEquals(task.state, "running");
        nursery.cancel();
      }, { allowCancel: true })
    )
  );
});

Deno.test("M5: a site that is open to the network answers by any name, and still wants the token", async () => {
  await simulate(() =>
    withSite(async (site) => {
      assertEquals((await ask(site, "/tree", { host: "db7.example" })).status, 200);
      assertEquals((await ask(site, "/tree", { host: "db7.example", token: "" })).status, 401);
    }, { local: false })
  );
});

Deno.test("M5: the page holds nothing of the program, and may do nothing but ask the monitor", async () => {
  await simulate(() =>
    withSite(async (site) => {
      const page = await ask(site, "/", { token: "" });
      const policy = page.headers.get("content-security-policy") as string;
      const html = await page.text();
      assertMatch(
        policy,
        /default-src 'none'; script-src 'nonce-[\w-]+'; style-src 'nonce-[\w-]+'; connect-src 'self';/,
      );
      assertStringIncludes(policy, "frame-ancestors 'none'");
      assertEquals(page.headers.get("access-control-allow-origin"), null);
      for (
        const [name, value] of [["cache-control", "no-store"], ["referrer-policy", "no-referrer"], [
          "x-content-type-options",
          "nosniff",
        ]]
      ) {
        assertEquals(page.headers.get(name as string), value);
      }
      assert(!html.includes(TOKEN));
      const [, nonce] = /script-src 'nonce-([\w-]+)'/.exec(policy)!;
      assert(!pageOf().html.includes(nonce!), "a nonce is used once");
      // Two elements may run or look as they say, and no attribute.
      assertEquals(html.match(/<script/g)?.length, 1);
      assertEquals(
        / on\w+=| style=|https?:\/\/(?!www\.w3\.org\/2000\/svg)/.exec(html.replace(/<script[^]*<\/script>/, "")),
        null,
      );
    })
  );
});

Deno.test("M2: what cannot be answered is said, with what can be", async () => {
  await simulate(() =>
    withSite(async (site) => {
      const cases: readonly (readonly [method: string, path: string, status: number, text: string])[] = [
        ["GET", "/nothing", 404, "there are /, /events, /snapshot, /tree"],
        ["GET", "/cancel?task=1", 405, "use POST"],
        ["POST", "/tree", 405, "use GET"],
        ["GET", "/trace?seconds=61", 400, '"seconds" must be a number from 0 to 60: received "61"'],
        ["GET", "/trace?seconds=-1", 400, '"seconds"'],
        ["GET", "/trace?seconds=x", 400, '"seconds"'],
        ["GET", "/trace?seconds=", 400, '"seconds"'],
        ["GET", "/trace?run=99&seconds=0", 404, "Cannot find run 99"],
      ];
      for (const [method, path, status, text] of cases) {
        const answer = await ask(site, path, { method });
        assertEquals(answer.status, status, path);
        assertStringIncludes(await answer.text(), text);
      }
      assertEquals((await ask(site, "/cancel", { method: "GET" })).headers.get("allow"), "POST");
    })
  );
});

Deno.test("M3: a snapshot has the tree, the waits with their places, and who holds what", async () => {
  await simulate(() =>
    openNursery((nursery) =>
      withSite(async (site) => {
        const lock = new Lock({ name: "db" });
        nursery.startSoon(async () => {
          using _ = await lock.acquire();
          await sleep(60_000);
        }, { name: "migration" });
        await sleep(1);
        nursery.startSoon(async function query() {
          using _ = await lock.acquire();
        }, { name: "query 7" });
        await sleep(500);
        const { tasks, waits, groups, resources, runs, numbers } = await snapshotOf(site);
        const [main, migration, query] = tasks;
        assertEquals(tasks.map(({ name, depth }) => [name, depth]), [["main", 0], ["migration", 1], ["query 7", 1]]);
        assertEquals(main?.waits, []);
        assertEquals(migration?.waits.map(({ kind, since, deadline }) => [kind, since, deadline]), [[
          "sleep",
          1 - 1,
          null,
        ]]);
        const [wait] = query!.waits;
        assertEquals([wait?.kind, wait?.label, wait?.since], ["acquire lock", '"db" held by task "migration" #2', 1]);
        assertEquals(wait?.holder, { id: migration!.id, name: "migration" });
        assertMatch(wait!.frames[0] as string, /^query \(.*site_test\.ts:\d+:\d+\)$/);
        assertEquals(waits.map(({ name, kind }) => [name, kind]), [["migration", "sleep"], [
          "query 7",
          "acquire lock",
        ]]);
        assertEquals(groups.map(({ name, kind, count, longest }) => [name, kind, count, longest]), [
          ["main", "", 1, 501],
          ["migration", "sleep", 1, 501],
          ["query N", "acquire lock", 1, 500],
        ]);
        assertEquals(
          resources.map(({ name, waiting }) => [name, waiting]),
          [['lock "db" held by task "migration" #2', 1]],
        );
        assertEquals([runs.length, runs[0]?.now, runs[0]?.stuck], [1, 501, false]);
        assertEquals([numbers.tasks, numbers.running, numbers.waits], [3, 1, 2]);
        nursery.cancel();
      })
    )
  );
});

Deno.test("M3: tasks that only wait for each other are an alarm, and those that time or the host can wake are none", async () => {
  await withSite(async (site) => {
    const foreign = Promise.withResolvers<void>();
    const isStuck = async (beside: (nursery: Nursery) => unknown): Promise<boolean | undefined> => {
      const event = new Event();
      const running = run(() =>
        openNursery(async (nursery) => {
          nursery.startSoon(() => event.wait());
          beside(nursery);
          await event.wait();
        }), { handleSignals: false });
      await new Promise((resolve) => setImmediate(resolve));
      const { runs } = await snapshotOf(site);
      event.set();
      foreign.resolve();
      await running;
      return runs.at(-1)?.stuck;
    };
    let operation: { end(): void } | undefined;
    assertEquals(await isStuck(() => {}), true);
    assertEquals(await isStuck(() => operation = beginHostOperation("read")), false);
    operation?.end();
    assertEquals(await isStuck((nursery) => nursery.startSoon(() => moveOnAfter(1, () => sleepForever()))), false);
    assertEquals(await isStuck((nursery) => nursery.startSoon(() => cancellable(foreign.promise))), false);
  });
});

Deno.test("M3: of very many tasks some are shown, all are counted, and it stays quick", async () => {
  // In real time, where as many may wake up at one instant.
  await run(() =>
    openNursery((nursery) =>
      withSite(async (site) => {
        for (let n = 0; n < 100_000; n++) nursery.startSoon(() => sleepForever(), { name: `client ${n}` });
        await checkpoint();
        const text = await (await ask(site, "/snapshot")).text();
        const { tasks, tasksLeftOut, groups, numbers }: Snapshot = JSON.parse(text);
        assertEquals([tasks.length, tasksLeftOut, numbers.tasks], [2_000, 98_001, 100_001]);
        assertEquals(groups.map(({ name, count }) => [name, count]).slice(0, 1), [["client N", 100_000]]);
        assert(text.length < 1_000_000, `${text.length}`);
        nursery.cancel();
      })
    ), { handleSignals: false });
});

Deno.test("M6: what is watched is told also while nobody waits for it, whatever its numbers are", async () => {
  const [send, receive] = openMemoryChannel<number>(5, { name: "orders" });
  const broken = {
    statistics(): never {
      throw new Error("no numbers today");
    },
  };
  const odd = { statistics: () => ({ infinite: Infinity, big: 10n, text: "x".repeat(500), nothing: undefined }) };
  const inItself: Record<string, unknown> = {};
  inItself["self"] = inItself;
  const circle = { statistics: () => inItself };
  await simulate(() =>
    withSite(async (site) => {
      const { resources } = await snapshotOf(site);
      const found = Object.fromEntries(resources.map(({ name, statistics }) => [name, statistics])) as Record<
        string,
        Record<string, unknown>
      >;
      assertEquals(found["orders"]?.["maxBufferSize"], 5);
      assertStringIncludes(`${found["broken"]?.["error"]}`, "no numbers today");
      assertEquals([found["odd"]?.["infinite"], found["odd"]?.["big"]], ["Infinity", "10"]);
      assertEquals(`${found["odd"]?.["text"]}`.length, 200);
      assert("error" in found["circle"]!);
      const metrics = await (await ask(site, "/metrics")).text();
      assertStringIncludes(metrics, 'trefoil_resource{resource="orders",field="maxBufferSize"} 5\n');
      assertStringIncludes(metrics, 'trefoil_resource{resource="odd",field="infinite"} +Inf\n');
    }, { watch: { orders: send, broken, odd, circle } })
  );
  send.close();
  receive.close();
});

Deno.test("M6: who waits for what is watched is counted there, and not told twice", async () => {
  await simulate(() => {
    const lock = new Lock();
    const [send, receive] = openMemoryChannel<number>(0);
    return openNursery((nursery) =>
      withSite(async (site) => {
        nursery.startSoon(async () => {
          using _ = await lock.acquire();
          await sleepForever();
        });
        await settled();
        for (let n = 0; n < 3; n++) nursery.startSoon(() => lock.acquire());
        nursery.startSoon(() => send.send(1));
        await settled();
        const { resources } = await snapshotOf(site);
        assertEquals(resources.map(({ name, waiting }) => [name, waiting]), [["lock", 3], ["send", 1], ["receive", 1]]);
        nursery.cancel();
      }, { watch: { lock, send, receive } })
    );
  });
});

Deno.test("M2: metrics are in the format of Prometheus", async () => {
  await simulate(() =>
    openNursery((nursery) =>
      withSite(async (site) => {
        nursery.startSoon(() => sleepForever(), { name: "a" });
        nursery.startSoon(() => new Event({ name: 'with "quotes"' }).wait(), { name: "b" });
        await settled();
        const operation = beginHostOperation("read");
        const answer = await ask(site, "/metrics");
        assertEquals(answer.headers.get("content-type"), "text/plain; charset=utf-8; version=0.0.4");
        const text = await answer.text();
        const lines = text.trimEnd().split("\n");
        const names = new Set<string>();
        for (const line of lines) {
          const comment = /^# (?:HELP|TYPE) (\w+) .+$/.exec(line);
          if (comment !== null) names.add(comment[1]!);
          else assertMatch(line, /^[a-z_]+(?:\{(?:\w+="(?:[^"\\\n]|\\.)*",?)+\})? (?:[\d.e+-]+|\+Inf)$/);
        }
        for (const expected of ["trefoil_tasks 3", 'trefoil_waits{kind="event"} 1', "trefoil_host_operations 1"]) {
          assert(lines.includes(expected), `${expected}\n${text}`);
        }
        assertEquals(names.size, 11);
        operation.end();
        nursery.cancel();
      })
    )
  );
});

Deno.test("M2: a trace is of what happens while it is recorded", async () => {
  await simulate(() =>
    withSite(async (site) => {
      const asked = ask(site, "/trace?seconds=0.01");
      // Real time passes: it is not the run's.
      const { traceEvents } = await (await asked).json();
      assert(Array.isArray(traceEvents));
      const page = await ask(site, "/trace.html?seconds=0");
      const [, nonce] = /script-src 'nonce-([\w-]+)'/.exec(page.headers.get("content-security-policy")!)!;
      const html = await page.text();
      assert(html.startsWith("<!doctype html>") && html.includes(`<script nonce="${nonce}">`), html.slice(0, 300));
    })
  );
});

Deno.test("M7: a task is cancelled if that is allowed; the main task never", async () => {
  await simulate(() =>
    openNursery((nursery) =>
      withSite(async (site) => {
        const task = nursery.startSoon(() => sleepForever(), { name: "stuck" });
        await settled();
        const main = await ask(site, "/cancel?task=1", { method: "POST" });
        assertEquals([main.status, (await main.text()).includes("SIGTERM")], [403, true]);
        assertEquals((await ask(site, "/cancel?task=9999", { method: "POST" })).status, 404);
        for (const text of ["", "?task=", "?task=x", "?task=0", "?task=1e999"]) {
          assertEquals((await ask(site, `/cancel${text}`, { method: "POST" })).status, 400, text);
        }
        const answer = await ask(site, `/cancel?task=${task.id}`, { method: "POST" });
        assertEquals([answer.status, await answer.json()], [200, { cancelled: { id: task.id, name: "stuck" } }]);
        await settled();
        assertEquals(task.state, "cancelled");
      }, { allowCancel: true })
    )
  );
  await simulate(() =>
    openNursery((nursery) =>
      withSite(async (site) => {
        const task = nursery.startSoon(() => sleepForever());
        await settled();
        const answer = await ask(site, `/cancel?task=${task.id}`, { method: "POST" });
        assertEquals(answer.status, 403);
        assertStringIncludes(await answer.text(), "allowCancel: true");
        assertEquals(task.state, "running");
        nursery.cancel();
      })
    )
  );
});

Deno.test("M8: snapshots are taken for those who read them, one for each time that they read", async () => {
  let taken = 0;
  const counted = { statistics: () => ({ taken: ++taken }) };
  await withSite(async (site) => {
    // What the monitor waits for keeps nothing alive, this test neither.
    const alive = setInterval(() => {}, 1_000);
    const { body } = await ask(site, "/events");
    await new Promise((resolve) => setImmediate(resolve));
    assertEquals(taken, 0);
    const reader = body!.getReader();
    const decoder = new TextDecoder();
    for (let n = 1; n <= 3; n++) {
      const { value } = await reader.read();
      assertEquals(taken, n);
      const text = decoder.decode(value);
      assert(text.endsWith("\n"));
      assertEquals((JSON.parse(text) as Snapshot).resources[0]?.statistics, { taken: n });
    }
    await reader.cancel();
    assertEquals(taken, 3);
    clearInterval(alive);
  }, { interval: 0, watch: { counted } });
});

Deno.test("M: more viewers than there is room for are told so, and there is room again when one goes", async () => {
  await simulate(() =>
    withSite(async (site) => {
      const bodies = [];
      for (let n = 0; n < 32; n++) bodies.push((await ask(site, "/events")).body!);
      const refused = await ask(site, "/events");
      assertEquals(refused.status, 503);
      assertStringIncludes(await refused.text(), "32 viewers");
      await bodies[0]!.cancel();
      const again = await ask(site, "/events");
      assertEquals(again.status, 200);
      await again.body!.cancel();
      for (const body of bodies.slice(1)) await body.cancel();
    })
  );
});

Deno.test("M1: a run that has ended is shown no more, and one that begins is", async () => {
  await withSite(async (site) => {
    const before = (await snapshotOf(site)).runs.length;
    await simulate(async () => {
      const { runs, tasks } = await snapshotOf(site);
      assert(runs.length >= 1);
      assert(tasks.some(({ startedAt }) => startedAt === currentTime()));
    });
    assertEquals((await snapshotOf(site)).runs.length, before);
  });
});
