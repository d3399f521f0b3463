// The programs of the tutorial, each to its end in virtual time, and what the pages say of them. Over 400 lines, as it is
// the test of ten programs, each of which builds on the ones before.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  BufferedStream,
  CancelScope,
  ErrorGroup,
  failAfter,
  fetch,
  map,
  openMemoryChannel,
  openNursery,
  openProcess,
  openTcpStream,
  openWatch,
  runProcess,
  serveTcp,
  simulated,
  type Simulation,
  sleep,
  sleepForever,
  type SocketStream,
  tcpServer,
} from "@trefoil/io";
import * as one from "./1_one_check.ts";
import { checkAll, parseTarget } from "./2_many_at_once.ts";
import * as three from "./3_when_things_fail.ts";
import { type States, untilAllUp } from "./4_watching.ts";
import { statusServer } from "./5_telling_others.ts";
import * as six from "./6_alarms.ts";
import { gently } from "./7_not_too_much.ts";
import { GRACE, keepWatch } from "./8_winding_down.ts";
import { aWeek, THE_WEEK } from "./9_a_week.ts";
import { statusPage } from "./10_in_the_world.ts";

const folder = new URL(".", import.meta.url);
const pages = new URL("../../docs/tutorial/", import.meta.url);

/** The text of each chapter, by the name of its file. */
async function readPages(): Promise<Map<string, string>> {
  const texts = new Map<string, string>();
  for await (const { name } of Deno.readDir(pages)) {
    if (/^\d+-.*\.md$/.test(name)) texts.set(name, await Deno.readTextFile(new URL(name, pages)));
  }
  return texts;
}

/** Starts hosts that accept connections at port 80. */
function startHosts(sim: Simulation, ...names: readonly string[]): void {
  for (const name of names) sim.net.host(name).startSoon(() => serveTcp(() => {}, { port: 80 }));
}

/** A handler of the pager, which writes down what it is told. */
function pagerInto(told: string[], hear: (text: string) => string = (text) => text) {
  return async (stream: SocketStream) => {
    const caller = new BufferedStream(stream);
    const text = await caller.receiveLine();
    if (text !== null) told.push(hear(text));
    await caller.sendText("ok\n");
  };
}

/** Starts a pager that writes down what it is told, and when. */
function startPager(sim: Simulation): string[] {
  const told: string[] = [];
  const handler = pagerInto(told, (text) => `${sim.now} ${text}`);
  sim.net.host("pager").startSoon(() => serveTcp(handler, { port: 9000, onHandlerError: () => {} }));
  return told;
}

/** Asks the server at port 7070 of a host for the states. */
async function askStatus(host: string): Promise<string[]> {
  await using stream = new BufferedStream(await openTcpStream(host, 7070));
  await stream.sendText("status\n");
  const lines: string[] = [];
  for await (const line of stream.lines()) {
    if (line === "") break;
    lines.push(line);
  }
  return lines;
}

Deno.test("each program is shown by the page of its chapter, as it is", async () => {
  const shown: string[] = [];
  for (const [page, text] of await readPages()) {
    for (const [, program = "", code = ""] of text.matchAll(/^```ts examples\/lighthouse\/(\S+)\n([^]*?)^```$/gm)) {
      assertEquals(program.split("_")[0], page.split("-")[0], page);
      // A block is a module beside its page, so it imports the other programs from there.
      const file = await Deno.readTextFile(new URL(program, folder));
      assertEquals(code.replaceAll('"../../examples/lighthouse/', '"./'), file, `${page} does not show ${program}`);
      shown.push(program);
    }
  }
  const programs: string[] = [];
  for await (const { name } of Deno.readDir(folder)) if (/^\d+_\w+\.ts$/.test(name)) programs.push(name);
  assertEquals(shown.sort(), programs.sort());
});

Deno.test("each page begins with what is learned, and ends with exercises, a flaw and answers", async () => {
  const texts = await readPages();
  assertEquals(texts.size, 10);
  for (const [page, text] of texts) {
    assert(/^# \d+\. .+\n\n_What you learn: [^_]+\._\n/.test(text), `${page}: its beginning`);
    const headings = [...text.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading);
    assertEquals(headings.slice(-3), ["Try it", "What is wrong with it", "Answers"], page);
    assert(!/^ *`{3,}ts\{/m.test(text), `${page}: a fence without a space before its braces would not run`);
    for (const [, why] of text.matchAll(/^```ts ignore(.*)$/gm)) {
      assert(/\(.+\)/.test(why!), `${page}: ignored, but why?`);
    }
  }
});

Deno.test(
  "1_one_check.ts tells who is up, down and silent",
  simulated(async (sim) => {
    startHosts(sim, "web");
    assertEquals([await one.check("web", 80), await one.check("web", 81), sim.now], ["up", "down", 0]);
    sim.net.partition("test", "web");
    assertEquals([await one.check("web", 80), sim.now], ["silent", 2_000]);
  }),
);

Deno.test(
  "2_many_at_once.ts checks a hundred targets at a time, and keeps their order",
  simulated(async (sim) => {
    startHosts(sim, "web", "db");
    sim.net.partition("test", "db");
    const names = ["db:80", "web:80", "web:81", ...Array.from({ length: 98 }, (_, i) => `db:${100 + i}`), "web:80"];
    const states = await checkAll(names.map(parseTarget));
    assertEquals([states.slice(0, 3), states.at(-1), sim.now], [["silent", "up", "down"], "up", 2_000]);
  }),
);

Deno.test("2_many_at_once.ts refuses a target without a port", () => {
  for (const name of ["web", ":80", "web:", "web:http", ""]) {
    let message = "";
    try {
      parseTarget(name);
    } catch (error) {
      message = String(error);
    }
    assertEquals(message, `TypeError: Cannot read a target as it must be "host:port": received "${name}"`);
  }
  assertEquals(parseTarget("::1:80"), { name: "::1:80", host: "::1", port: 80 });
});

Deno.test(
  "3_when_things_fail.ts forgives two knocks, and tells mistakes from outages",
  simulated(async (sim) => {
    sim.net.host("web").startSoon(async () => {
      await sleep(700);
      await serveTcp(() => {}, { port: 80 });
    });
    const lines: string[] = [];
    await three.checkAll(["web:70000", "web:80", "web:81"].map(parseTarget), (line) => lines.push(line));
    assertEquals(lines.slice(0, 2).sort(), ["web:80 is up", "web:81 is down"]);
    assertStringIncludes(lines[2]!, "RangeError: Cannot open a TCP stream");
    assertEquals([lines.length, sim.now], [3, 1_000]);
  }),
);

Deno.test(
  "4_watching.ts ends when all targets are up, and not before",
  simulated(async (sim) => {
    startHosts(sim, "web", "db");
    sim.net.partition("test", "db");
    sim.background.startSoon(() => sleep(31_000).then(() => sim.net.heal("test", "db")));
    const changes: string[] = [];
    await untilAllUp(["web:80", "db:80"].map(parseTarget), {
      onChange: (name, state, before) => changes.push(`${sim.now} ${name} ${before} ${state}`),
    });
    assertEquals(changes, ["0 web:80 undefined up", "7000 db:80 undefined silent", "31000 db:80 silent up"]);
  }),
);

Deno.test(
  "4_watching.ts makes up for no beat that it has missed",
  simulated(async (sim) => {
    const begun: number[] = [];
    const check = async (): Promise<one.State> => {
      begun.push(sim.now);
      await sleep(sim.now === 10_000 ? 32_000 : 100);
      return begun.length < 5 ? "silent" : "up";
    };
    await untilAllUp([parseTarget("web:80")], { check });
    assertEquals(begun, [0, 10_000, 42_000, 52_000, 62_000]);
  }),
);

Deno.test(
  "5_telling_others.ts shows each change to every client that watches",
  simulated(async (sim) => {
    const [states, seen] = openWatch<States>(new Map());
    sim.background.startSoon(() => statusServer(seen, { port: 7070 })());
    await sim.settled();
    const heard: string[] = [];
    for (const name of ["ann", "bob"]) {
      sim.background.startSoon(async () => {
        using stream = new BufferedStream(await openTcpStream("localhost", 7070));
        await stream.sendText("watch\n");
        for await (const line of stream.lines()) if (line !== "") heard.push(`${name} ${line}`);
      });
    }
    for (const state of ["up", "down"] as const) {
      await sleep(10);
      states.set(new Map([["web:80", state]]));
    }
    await sleep(10);
    assertEquals(heard.sort(), ["ann web:80 down", "ann web:80 up", "bob web:80 down", "bob web:80 up"]);
  }),
);

Deno.test(
  "5_telling_others.ts answers, and is rid of rude clients",
  simulated(async (sim) => {
    const [states, seen] = openWatch<States>(new Map());
    const server = statusServer(seen, { port: 7070 });
    await openNursery(async (nursery) => {
      await nursery.start(server);
      states.set(new Map([["web:80", "up"]]));
      assertEquals(await askStatus("localhost"), ["web:80 up"]);
      using endless = await openTcpStream("localhost", 7070);
      await endless.sendText("x".repeat(101));
      using silent = await openTcpStream("localhost", 7070);
      using gone = await openTcpStream("localhost", 7070);
      await gone.sendText("watch\n");
      await sleep(59_999);
      assertEquals(server.statistics().open, 2);
      sim.net.reset("test", "test");
      await sim.settled();
      assertEquals([server.statistics().open, silent.remoteAddress.port], [0, 7070]);
      nursery.cancel();
    });
  }),
);

Deno.test(
  "6_alarms.ts tells the pager of changes alone, in order, and can be muted",
  simulated(async (sim) => {
    const told = startPager(sim);
    startHosts(sim, "web", "db");
    const options = { port: 7070, pager: parseTarget("pager:9000") };
    sim.background.startSoon(() => six.keepWatch(["web:80", "db:80"].map(parseTarget), options));
    const down = (host: string) => sim.net.partition("test", host);
    await sleep(5_000);
    {
      using _ = down("web");
      await sleep(20_000);
    }
    await sleep(10_000);
    sim.stdin.send("mute\n");
    using _ = down("db");
    await sleep(20_000);
    sim.stdin.send("unmute\n");
    using __ = down("web");
    await sleep(20_000);
    assertEquals(told, ["17000 web:80 is silent", "25000 web:80 is up", "67000 web:80 is silent"]);
    assertEquals((await askStatus("localhost")).sort(), ["db:80 silent", "web:80 silent"]);
  }),
);

Deno.test("6_alarms.ts obeys before it sends, whichever came first", async () => {
  for (let seed = 0; seed < 10; seed++) {
    await simulated(async () => {
      const [alarm, alarms] = openMemoryChannel<string>(1);
      const [order, orders] = openMemoryChannel<string>(1);
      const sent: string[] = [];
      alarm.trySend("web is down");
      order.trySend("mute");
      alarm.close();
      order.close();
      await six.pageAll(alarms, orders, (text) => Promise.resolve(void sent.push(text)));
      assertEquals(sent, []);
    }, { seed })();
  }
});

Deno.test("6_alarms.ts wants a port and a pager", () => {
  assertEquals(six.parseArgs(["7070", "pager:9000", "web:80"]), [
    [parseTarget("web:80")],
    { port: 7070, pager: parseTarget("pager:9000") },
  ]);
  for (const args of [[], ["7070"]]) {
    let message = "";
    try {
      six.parseArgs(args);
    } catch (error) {
      message = String(error);
    }
    assertStringIncludes(message, "Cannot start");
  }
});

Deno.test(
  "7_not_too_much.ts keeps within both limits, and counts no time in line",
  simulated(async (sim) => {
    let [now, most] = [0, 0];
    const begun: number[] = [];
    const attempt = gently({ atOnce: 3, perSecond: 10 }, () =>
      failAfter(2_000, async () => {
        begun.push(sim.now);
        most = Math.max(most, ++now);
        await sleep(1_000);
        now--;
      }));
    await map(Array(9).fill(parseTarget("web:80")), attempt);
    assertEquals(begun, [0, 100, 200, 1_000, 1_100, 1_200, 2_000, 2_100, 2_200]);
    assertEquals(most, 3);
  }),
);

Deno.test(
  "8_winding_down.ts sends what is in line, frees its port, and says goodbye",
  simulated(async (sim) => {
    const told = startPager(sim);
    startHosts(sim, "web");
    const scope = new CancelScope();
    const options = { port: 7070, pager: parseTarget("pager:9000") };
    sim.background.startSoon(async () => {
      await sleep(12_000);
      using watching = new BufferedStream(await openTcpStream("localhost", 7070));
      await watching.sendText("watch\n");
      await sleep(1_000);
      scope.shutdown({ grace: GRACE });
      let last: string | null = "";
      for (let line; (line = await watching.receiveLine()) !== null;) last = line;
      assertEquals([last, sim.now], ["", 13_000]);
    });
    const outcome = await scope.run(() => keepWatch(["web:80", "web:81"].map(parseTarget), options));
    assertEquals([outcome.cancelledCaught, sim.now], [false, 13_000]);
    assertEquals(told, ["1000 web:81 is down", "13000 the lighthouse goes dark, alarms unsent: 0"]);
    await openNursery(async (nursery) => {
      await nursery.start(tcpServer(() => {}, { port: 7070 }));
      nursery.cancel();
    });
  }),
);

Deno.test(
  "8_winding_down.ts ends after the grace, and its last word hides no error",
  simulated(async (sim) => {
    sim.net.host("pager").startSoon(() => serveTcp(() => sleepForever(), { port: 9000 }));
    sim.net.host("web");
    const options = { port: 7070, pager: parseTarget("pager:9000") };
    const scope = new CancelScope();
    sim.background.startSoon(() => sleep(5_000).then(() => scope.shutdown({ grace: GRACE })));
    const outcome = await scope.run(() => keepWatch([parseTarget("web:80")], options));
    assertEquals([outcome.cancelledCaught, sim.now], [true, 17_000]); // the grace, and the last word

    const error = await keepWatch([parseTarget("web:70000")], { ...options, pager: parseTarget("web:9000") })
      .catch((error) => error);
    assert(error instanceof ErrorGroup && error.find(RangeError) !== undefined);
  }),
);

Deno.test("9_a_week.ts takes the course that its page tells, also as the program prints it", async () => {
  const page = (await readPages()).get("9-a-week.md")!;
  const [, printed = ""] = /^\$ deno run examples\/lighthouse\/9_a_week\.ts\n([^]*?)^a week in/m.exec(page) ?? [];
  let told: string[] = [];
  await simulated(async (sim) => {
    told = await aWeek(sim);
  }, THE_WEEK)();
  assertEquals(told, printed.trimEnd().split("\n"));
  const asserted = [...page.matchAll(/^ {2}"(\w{3} [\d:]{8} .+)",$/gm)].map(([, line]) => line);
  assertEquals(asserted, told);
});

Deno.test(
  "10_in_the_world.ts serves a page, its events, and the states for programs",
  simulated(async (sim) => {
    const told = startPager(sim);
    startHosts(sim, "web");
    const lighthouse = sim.net.host("lighthouse");
    const scope = new CancelScope();
    lighthouse.startSoon(() =>
      scope.run(() =>
        keepWatch([parseTarget("web:80")], {
          port: 7070,
          pager: parseTarget("pager:9000"),
          beside: (seen) => statusPage(seen, { port: 8080 })(),
        })
      )
    );
    await sleep(1_000);
    const get = async (path: string) => await fetch(`http://lighthouse:8080${path}`);
    assertStringIncludes(await (await get("/")).text(), 'new EventSource("/events")');
    assertEquals(await (await get("/states")).json(), { "web:80": "up" });
    const missing = await get("/nothing");
    assertEquals([missing.status, await missing.text()], [404, "try /, /events or /states\n"]);
    const events = await get("/events");
    sim.net.partition("lighthouse", "web");
    await sleep(30_000);
    scope.shutdown({ grace: GRACE });
    assertEquals(await events.text(), "data: web:80 up\n\ndata: web:80 silent\n\n");
    await sleep(1_000);
    assertEquals(told, ["17000 web:80 is silent", "31000 the lighthouse goes dark, alarms unsent: 0"]);
  }),
);

Deno.test("the programs run as programs, on the network of this machine", async () => {
  const told: string[] = [];
  const server = tcpServer(pagerInto(told), { hostname: "127.0.0.1", port: 0 });
  await openNursery(async (nursery) => {
    const [{ port }] = await nursery.start(server);
    const program = (name: string, args: readonly string[]): readonly [string, ...string[]] => {
      const path = new URL(name, folder).pathname;
      return [Deno.execPath(), "run", "--no-lock", "--no-check", "--no-prompt", "--allow-net", path, ...args];
    };
    const up = `127.0.0.1:${port}`;
    const runs = [
      ["1_one_check.ts", ["127.0.0.1", `${port}`], `${up} is up\n`],
      ["2_many_at_once.ts", [up, "127.0.0.1:1"], `${up} is up\n127.0.0.1:1 is down\n`],
      ["3_when_things_fail.ts", [up, "127.0.0.1:1"], `${up} is up\n127.0.0.1:1 is down\n`],
      ["4_watching.ts", [up], `${up} is up\n`],
    ] as const;
    await map(runs, async ([name, args, expected]) => {
      const { stdout } = await runProcess(program(name, args), { stdout: "text" });
      assertEquals(stdout, expected, name);
    }, { concurrency: 2 });

    await using lighthouse = await openProcess(program("8_winding_down.ts", ["0", up, "127.0.0.1:1"]), {
      stdin: "null",
    });
    await failAfter(30_000, async () => {
      while (!told.includes("127.0.0.1:1 is down")) await sleep(20);
      lighthouse.kill("SIGTERM");
      assertEquals((await lighthouse.wait()).code, 0);
    });
    assertEquals(told.slice(-2), ["127.0.0.1:1 is down", "the lighthouse goes dark, alarms unsent: 0"]);
    nursery.cancel();
  });
});
