import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { AsyncLocalStorage } from "node:async_hooks";
import {
  CancelScope,
  failAfter,
  moveOnAfter,
  openNursery,
  shielded,
  simulate,
  simulated,
  sleep,
  sleepForever,
  suppressedErrors,
} from "@trefoil/io";
import { pipeline } from "./backpressure.ts";
import { answer, crawl, type Page } from "./crawler.ts";
import { download, DownloadError, downloadWithBar, Progress } from "./download.ts";
import { ApiClient, fetchItems, HttpError, moodyServer } from "./rate_limited_client.ts";

/** Runs a body beside a server of this machine. */
async function withSite(
  answer: (request: Request) => Response | Promise<Response>,
  body: (base: string) => Promise<void>,
): Promise<void> {
  // Deno calls it without the async context of the caller; but in simulated time it is to have that of the test.
  const within = AsyncLocalStorage.snapshot();
  const site = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => within(answer, request));
  try {
    await body(`http://127.0.0.1:${site.addr.port}/`);
  } finally {
    await shielded(() => site.shutdown());
  }
}

/** Runs an example as its header says; returns what it printed, and its exit code. */
async function runExample(name: string, options: {
  args?: readonly string[];
  allow?: readonly string[];
  /** What must be printed before it gets a SIGINT. */
  interruptAfter?: string;
  /** What must be true before it gets a SIGINT. */
  interruptWhen?: () => boolean;
}): Promise<{ code: number; text: string; errors: string }> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-lock", ...options.allow ?? [], `examples/${name}`, ...options.args ?? []],
    cwd: new URL("..", import.meta.url),
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    env: { NO_COLOR: "1" },
  }).spawn();
  let text = "";
  const errors = new Response(child.stderr).text();
  if (options.interruptWhen !== undefined) {
    await until(options.interruptWhen);
    child.kill("SIGINT");
  }
  let interrupted = options.interruptAfter === undefined;
  for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    if (!interrupted && text.includes(options.interruptAfter!)) {
      interrupted = true;
      child.kill("SIGINT");
    }
  }
  return { code: (await child.status).code, text, errors: await errors };
}

/** Waits for what another process, or the host, is about to do. */
function until(condition: () => boolean): Promise<void> {
  return failAfter(30_000, async () => {
    while (!condition()) await sleep(1);
  });
}

function sizeOf(path: string): number {
  try {
    return Deno.statSync(path).size;
  } catch {
    return 0;
  }
}

// backpressure.ts

Deno.test(
  "backpressure.ts: sensors come to wait for the writers, and a shutdown loses nothing",
  simulated(async (sim) => {
    const lines: string[] = [];
    const scope = new CancelScope();
    await openNursery((nursery) => {
      nursery.startSoon(async () => {
        await sleep(3_000);
        scope.shutdown({ grace: 5_000 });
      });
      nursery.startSoon(async () => {
        const outcome = await scope.run(() => pipeline((line) => lines.push(`${sim.now} ${line}`)));
        assert(!outcome.cancelledCaught);
        assertEquals(outcome.value.written, outcome.value.measured);
      });
    });
    assert(lines.some((line) => line.includes("queue 4/4, sensors waiting: 3")));
    const written = lines.slice(0, -1).map((line) => line.split(" ")[2]!.slice(1).replace(";", ""));
    assertEquals(written.map(Number).sort((a, b) => a - b), written.map((_, i) => i + 1));
    assert(sim.now > 3_000 && sim.now < 4_000, `the queue was emptied in time: ${sim.now}`);
    assertEquals(lines.at(-1), `${sim.now} ${written.length} readings were measured, ${written.length} written`);
  }),
);

Deno.test(
  "backpressure.ts: a grace that is too short ends it all the same, and it says so",
  simulated(async (sim) => {
    const scope = new CancelScope();
    const running = scope.run(() => pipeline(() => {}));
    await sleep(3_000);
    scope.shutdown({ grace: 100 });
    const outcome = await running;
    assert(outcome.cancelledCaught && outcome.cancelled.source === "shutdown");
    assertEquals(sim.now, 3_100);
  }),
);

Deno.test("backpressure.ts ends cleanly at Ctrl-C", async () => {
  const { code, text, errors } = await runExample("backpressure.ts", { interruptAfter: "wrote c3" });
  assertEquals([code, errors], [0, ""]);
  const [, measured, written] = /(\d+) readings were measured, (\d+) written\n$/.exec(text) ?? [];
  assertEquals(measured, written);
});

// crawler.ts

/** Pages in memory, each of which takes 100 ms. */
function site(pages: Record<string, string[]>, log: { running: number; most: number }) {
  return async (url: string): Promise<Response> => {
    log.most = Math.max(log.most, ++log.running);
    try {
      await sleep(100);
      const links = pages[new URL(url).pathname];
      if (links === undefined) return new Response(null, { status: 404 });
      if (links[0] === "hang") await sleepForever();
      if (links[0] === "break") throw new TypeError("connection refused");
      const html = links.map((href) => `<p><a class=x href='${href}'>`).join("");
      return new Response(html, { headers: { "content-type": "text/html" } });
    } finally {
      log.running--;
    }
  };
}

const summary = (pages: readonly Page[]) =>
  Object.fromEntries(pages.map(({ url, result }) => [url.replace("http://site", ""), result]).sort());

Deno.test(
  "crawler.ts looks at each page once, so many at a time, each with its own timeout",
  simulated(async (sim) => {
    const log = { running: 0, most: 0 };
    const links = ["/a", "/b", "/c#part", "/c", "hang", "broken", "http://elsewhere/", "mailto:x@y", "http://["];
    const pages = await crawl("http://site/", {
      get: site({
        "/": links,
        "/a": ["/", "d"],
        "/b": [],
        "/c": ["./missing"],
        "/d": [],
        "/hang": ["hang"],
        "/broken": ["break"],
      }, log),
      concurrency: 2,
      timeout: 1_000,
    });
    assertEquals(summary(pages), {
      "/": 200,
      "/a": 200,
      "/b": 200,
      "/broken": "failed",
      "/c": 200,
      "/d": 200,
      "/hang": "timeout",
      "/missing": 404,
    });
    assertEquals([log.most, log.running], [2, 0]);
    // At 100 the first page is done, at 300 a, b, c and the broken one or the one that hangs have begun.
    assertEquals(sim.now, 1_200);
  }),
);

Deno.test(
  "crawler.ts stops at its maximum, and at once when it is cancelled",
  simulated(async (sim) => {
    const log = { running: 0, most: 0 };
    const endless = (url: string) => site({ [new URL(url).pathname]: [`${url}x`, `${url}y`] }, log)(url);
    assertEquals((await crawl("http://site/", { get: endless, maxPages: 20 })).length, 20);
    const start = sim.now;
    const outcome = await moveOnAfter(250, () => crawl("http://site/", { get: endless }));
    assert(outcome.cancelledCaught);
    assertEquals([sim.now - start, log.running], [250, 0]);
  }),
);

Deno.test("crawler.ts crawls a real site, whose endless page it gives up, when run as it says", async () => {
  const { code, text, errors } = await runExample("crawler.ts", { allow: ["--allow-net"] });
  assertEquals([code, errors], [0, ""]);
  const lines = text.trimEnd().split("\n");
  assertEquals(lines.at(-1), "32 pages");
  const results = Map.groupBy(lines.slice(0, -1), (line) => line.split("\t")[0]);
  assertEquals([results.get("200")?.length, results.get("404")?.length, results.get("timeout")?.length], [30, 1, 1]);
  await withSite(answer, async (base) => {
    const lines = await runExample("crawler.ts", { allow: ["--allow-net"], args: [`${base}page/31`] });
    assertEquals([lines.code, lines.text], [0, `404\t${base}page/31 (0 links)\n`]);
  });
});

// download.ts

const MODIFIED = "Thu, 01 Jan 2026 00:00:00 GMT";
const FILE = Uint8Array.from({ length: 300_000 }, (_, i) => (i * i) % 253);
const CHANGED = FILE.map((byte) => byte + 1);

/** How a server treats one request. */
interface Manners {
  /** Breaks off before this byte of the file. */
  readonly breakAt?: number;
  /** Falls silent at this byte. */
  readonly silentAt?: number;
  readonly modified?: string | null;
  readonly etag?: string;
  /** The content of another version. */
  readonly changed?: boolean;
  readonly ignoreIfRange?: boolean;
  readonly status?: number;
  readonly ignoreRange?: boolean;
  readonly contentRange?: string;
}

/** Serves one file to one request after the other, each with manners of its own; the last ones stay. */
function fileServer(...manners: Manners[]) {
  const asked: (string | null)[] = [];
  const answer = (request: Request): Response => {
    const range = request.headers.get("range");
    asked.push(range);
    const {
      breakAt,
      silentAt,
      modified = MODIFIED,
      etag,
      changed,
      status,
      ignoreRange,
      ignoreIfRange,
      contentRange,
    } = manners[asked.length - 1] ?? manners.at(-1) ?? {};
    const content = changed ? CHANGED : FILE;
    if (status !== undefined) return new Response("no", { status });
    const condition = request.headers.get("if-range");
    const isSame = ignoreIfRange || (condition !== null && [etag, modified].includes(condition));
    const partial = range !== null && isSame && !ignoreRange;
    let at = partial ? Number(/\d+/.exec(range)![0]) : 0;
    if (at >= FILE.length) return new Response("no", { status: 416 });
    const headers = new Headers({ "content-length": String(FILE.length - at) });
    if (modified !== null) headers.set("last-modified", modified);
    if (etag !== undefined) headers.set("etag", etag);
    if (partial) headers.set("content-range", contentRange ?? `bytes ${at}-${FILE.length - 1}/${FILE.length}`);
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (at === silentAt) return;
        // Less than the content-length.
        if (at === breakAt) return controller.close();
        const end = Math.min(at + 50_000, FILE.length);
        controller.enqueue(content.subarray(at, end));
        at = end;
        if (at === FILE.length) controller.close();
      },
    }, { highWaterMark: 0 });
    return new Response(body, { status: partial ? 206 : 200, headers });
  };
  return { answer, asked };
}

async function withFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const list = (folder: string) => Array.from(Deno.readDirSync(folder), ({ name }) => name).sort();

/** Downloads from such a server in simulated time; returns the error, if any. */
async function tryDownload(server: ReturnType<typeof fileServer>, folder: string): Promise<unknown> {
  let failure: unknown;
  await withSite(server.answer, async (base) => {
    failure = await simulate(
      () => download([`${base}files/data.bin?x=/y`], folder, { attempts: 3 }).catch((error) => error),
      // A server that has fallen silent is one of which nothing is heard for this long; then its patience runs out.
      { network: "host", io: { quiet: 300 } },
    );
  });
  return failure;
}

const CASES: readonly [what: string, manners: Manners[], requests: (string | null)[]][] = [
  ["a file at once", [{}], [null]],
  ["a file in pieces, when the connection breaks", [{ breakAt: 100_000 }, { breakAt: 200_000 }, {}], [
    null,
    "bytes=100000-",
    "bytes=200000-",
  ]],
  ["the rest, when the server had fallen silent", [{ silentAt: 150_000 }, {}], [null, "bytes=150000-"]],
  ["all anew, when the file has changed", [{ breakAt: 100_000 }, { modified: "Fri, 02 Jan 2026 00:00:00 GMT" }], [
    null,
    "bytes=100000-",
  ]],
  ["all anew from a server without ranges", [{ breakAt: 100_000 }, { ignoreRange: true }], [null, "bytes=100000-"]],
  ["all anew from a server without dates", [{ breakAt: 100_000, modified: null }, { modified: null }], [null, null]],
  ["the rest of a file that is told by its ETag", [{ breakAt: 100_000, etag: '"1"', modified: null }, {
    etag: '"1"',
    modified: null,
  }], [null, "bytes=100000-"]],
  // With the same date: it may have been changed twice in a second, or been copied with its date.
  ["all anew, when the ETag has changed", [{ breakAt: 100_000, etag: '"1"', changed: true }, { etag: '"2"' }], [
    null,
    "bytes=100000-",
  ]],
  ["all anew, when the server gives the rest of a changed file unasked", [
    { breakAt: 100_000, etag: '"1"', changed: true },
    { etag: '"2"', ignoreIfRange: true },
    { etag: '"2"' },
  ], [null, "bytes=100000-", null]],
  ["all anew, when a server without ETags does so", [
    { breakAt: 100_000, modified: "Fri, 02 Jan 2026 00:00:00 GMT", changed: true },
    { ignoreIfRange: true },
    {},
  ], [null, "bytes=100000-", null]],
  ["the rest of a file with a weak ETag by its date", [{ breakAt: 100_000, etag: 'W/"1"' }, { etag: 'W/"1"' }], [
    null,
    "bytes=100000-",
  ]],
  ["a file after 503 and 429", [{ status: 503 }, { status: 429 }, {}], [null, null, null]],
];

for (const [what, manners, requests] of CASES) {
  Deno.test(`download.ts gets ${what}`, () =>
    withFolder(async (folder) => {
      const server = fileServer(...manners);
      assertEquals(await tryDownload(server, folder), undefined);
      assertEquals(server.asked, requests);
      assertEquals(list(folder), ["data.bin"]);
      assertEquals(Deno.readFileSync(`${folder}/data.bin`), FILE);
    }));
}

Deno.test("download.ts has no file under its name after a failure, and tries again only what may pass", () =>
  withFolder(async (folder) => {
    const missing = fileServer({ status: 404 });
    const failure = await tryDownload(missing, folder);
    assert(failure instanceof DownloadError);
    assertStringIncludes(failure.message, "as the answer must be 200 or 206: 404");
    assertEquals([missing.asked.length, list(folder)], [1, []]);

    const broken = fileServer({ breakAt: 50_000 });
    assert(await tryDownload(broken, folder) instanceof TypeError);
    assertEquals(broken.asked, [null, "bytes=50000-", "bytes=50000-"]);
    assertEquals(list(folder), ["data.bin.part"]);

    const liar = fileServer({ contentRange: "bytes 0-299999/300000" });
    const lie = await tryDownload(liar, folder);
    assert(lie instanceof DownloadError);
    assertEquals(lie.message, 'Cannot go on as the answer must begin at byte 50000: "bytes 0-299999/300000"');
    const braggart = fileServer({ contentRange: "bytes 50000-299999/300001" });
    // A byte is missing, and no rest is to be had: it begins anew.
    assertEquals(await tryDownload(braggart, folder), undefined);
    assertEquals(braggart.asked, ["bytes=50000-", "bytes=300000-", null]);
    assertEquals(list(folder), ["data.bin"]);
    assertEquals(Deno.readFileSync(`${folder}/data.bin`), FILE);
  }));

Deno.test("download.ts refuses two files of one name, and leaves a file alone that is there", () =>
  withFolder(async (folder) => {
    const error = await assertRejects(() => download(["http://a/x", "http://b/x"], folder), DownloadError);
    assertStringIncludes(error.message, "as the names of the files must differ");
    await Deno.writeTextFile(`${folder}/data.bin`, "mine");
    const server = fileServer({});
    assertEquals([await tryDownload(server, folder), server.asked.length], [undefined, 0]);
    assertEquals(await Deno.readTextFile(`${folder}/data.bin`), "mine");
  }));

Deno.test("download.ts trusts no date of the second in which it is asked, as the file may change again in it", () =>
  withFolder(async (folder) => {
    const now = new Date().toUTCString();
    const asked: (string | null)[] = [];
    const answer = (request: Request) => {
      asked.push(request.headers.get("range"));
      const headers = { "last-modified": now, "date": now, "content-length": "6" };
      const breaks = asked.length === 1;
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          controller.enqueue(FILE.subarray(0, breaks ? 3 : 6));
          controller.close();
        },
      });
      return new Response(body, { headers });
    };
    assertEquals(await tryDownload({ answer, asked }, folder), undefined);
    assertEquals([asked, list(folder)], [[null, null], ["data.bin"]]);
  }));

Deno.test("download.ts keeps the ETag of a part from one call to the next", () =>
  withFolder(async (folder) => {
    const first = fileServer({ breakAt: 50_000, etag: '"1"', changed: true }, { breakAt: 50_000, etag: '"1"' });
    assert(await tryDownload(first, folder) instanceof TypeError);
    assertEquals(list(folder), ["data.bin.part", "data.bin.part.etag"]);
    const second = fileServer({ etag: '"2"' });
    assertEquals(await tryDownload(second, folder), undefined);
    assertEquals([second.asked, list(folder)], [["bytes=50000-"], ["data.bin"]]);
    assertEquals(Deno.readFileSync(`${folder}/data.bin`), FILE);
  }));

Deno.test("download.ts keeps names inside its folder", () =>
  withFolder(async (folder) => {
    await withSite(() => new Response("text"), async (base) => {
      await download(["..%2F..%2Fup", "%2e%2e%2f", "a%5Cb", "deep/"].map((path) => base + path), folder);
    });
    assertEquals(list(folder), [".._.._up", ".._", "a_b", "download"].sort());
  }));

Deno.test("download.ts that is cancelled keeps what it has, and goes on from there", () =>
  withFolder(async (folder) => {
    const server = fileServer({ silentAt: 200_000 }, {});
    await withSite(server.answer, async (base) => {
      const outcome = await moveOnAfter(Infinity, async (scope) => {
        await openNursery(async (nursery) => {
          const progress = new Progress();
          nursery.startSoon(() => download([`${base}data.bin`], folder, { progress }));
          await until(() => progress.line().includes("200.0 kB"));
          scope.cancel();
        });
      });
      assert(outcome.cancelledCaught);
      assertEquals(list(folder), ["data.bin.part"]);
      await download([`${base}data.bin`], folder);
    });
    assertEquals(server.asked, [null, "bytes=200000-"]);
    assertEquals(Deno.readFileSync(`${folder}/data.bin`), FILE);
  }));

Deno.test(
  "download.ts tells bytes, rate and time to go, and forgets how fast it was long ago",
  simulated(async () => {
    const log: string[] = [];
    const progress = new Progress((line) => log.push(line));
    const [a, b] = [progress.add("a"), progress.add("b")];
    assertEquals(progress.line(), "0 B  0 B/s  0 of 2 files");
    a.begin(0, 1_000_000);
    b.begin(500_000, 1_000_000);
    assertEquals(progress.line(), "[######------------------]  25% 500.0 kB of 2.0 MB  0 B/s  0 of 2 files");
    await sleep(1_000);
    a.add(100_000);
    assertEquals(
      progress.line(),
      "[#######-----------------]  30% 600.0 kB of 2.0 MB  100.0 kB/s  ETA 0:14  0 of 2 files",
    );
    for (let i = 0; i < 4; i++) {
      await sleep(1_000);
      a.add(100);
      progress.line();
    }
    assertStringIncludes(progress.line(), "100 B/s  ETA 3:53:16");
    a.add(1_000_000 - a.done);
    a.end("is complete");
    assertEquals(log, ["a is complete: 1.0 MB"]);
    // A file that has to begin anew.
    b.begin(0, 1_000_000);
    assertStringIncludes(progress.line(), "1.0 MB of 2.0 MB");
    b.add(1_000_000);
    b.end("is complete");
    assert(progress.line().endsWith("B/s  2 of 2 files"));
  }),
);

for (const isTerminal of [true, false]) {
  Deno.test(`download.ts shows ${isTerminal ? "a bar in place on a terminal" : "plain lines elsewhere"}`, () =>
    withFolder((folder) =>
      withSite(fileServer({}).answer, async (base) => {
        let text = "";
        const display = { isTerminal, width: 40, write: (part: string) => void (text += part) };
        await downloadWithBar([`${base}data.bin`], folder, display);
        if (isTerminal) {
          assert(
            text.startsWith(
              "\r\x1b[Kdata.bin is complete: 300.0 kB\n\r\x1b[K[########################] 100% 300.0 k\n",
            ),
            text,
          );
        } else {
          assertMatch(
            text,
            /^data.bin is complete: 300.0 kB\n\[#{24}\] 100% 300.0 kB of 300.0 kB {2}.*B\/s {2}1 of 1 files\n$/,
          );
        }
        const error = await assertRejects(() => downloadWithBar(["http://a/x", "http://b/x"], folder, display));
        assert(error instanceof DownloadError, "the error comes out as it is");
      })
    ));
}

Deno.test("download.ts leaves no half file at Ctrl-C, and completes it when it is run again", () =>
  withFolder(async (folder) => {
    const server = fileServer({ silentAt: 100_000 }, {});
    await withSite(server.answer, async (base) => {
      const options = {
        allow: ["--allow-net", "--allow-read", "--allow-write"],
        args: ["--to", folder, `${base}data.bin`],
      };
      const first = await runExample("download.ts", {
        ...options,
        interruptWhen: () => sizeOf(`${folder}/data.bin.part`) === 100_000,
      });
      assertEquals([first.code, first.errors], [130, ""]);
      assert(!first.text.includes("\x1b"));
      assertEquals(list(folder), ["data.bin.part"]);
      const second = await runExample("download.ts", options);
      assertEquals([second.code, second.errors], [0, ""]);
      assertStringIncludes(second.text, "data.bin is complete: 300.0 kB");
    });
    assertEquals(server.asked.length, 2);
    assertEquals(Deno.readFileSync(`${folder}/data.bin`), FILE);
  }));

Deno.test("download.ts says what is wrong in one line, and exits with 1", () =>
  withSite(fileServer({ status: 404 }).answer, async (base) => {
    const { code, errors } = await runExample("download.ts", {
      allow: ["--allow-net", "--allow-read", "--allow-write"],
      args: [`${base}data.bin`],
    });
    assertEquals([code, errors], [1, `Cannot download ${base}data.bin as the answer must be 200 or 206: 404\n`]);
  }));

// rate_limited_client.ts

/** Answers with these statuses in turn, then with 200. */
function moods(...statuses: [status: number, retryAfter?: string][]) {
  const times: number[] = [];
  const answer = () => {
    times.push(performance.now());
    const [status, retryAfter] = statuses[times.length - 1] ?? [200];
    return Response.json({ n: times.length }, {
      status,
      headers: retryAfter === undefined ? {} : { "retry-after": retryAfter },
    });
  };
  return { answer, times };
}

Deno.test(
  "rate_limited_client.ts waits as long as the server says, and gives up when it is told no",
  simulated(async (sim) => {
    const server = moods([429, "2"], [503, "60"], [200], [404]);
    await withSite(server.answer, async (base) => {
      const client = new ApiClient(base);
      assertEquals(await client.get("/x"), { n: 3 });
      assertEquals(sim.now, 62_000);
      const error = await assertRejects(() => client.get("/x"), HttpError);
      assertEquals([error.status, server.times.length, sim.now], [404, 4, 62_000]);
    });
  }),
);

Deno.test(
  "rate_limited_client.ts keeps to its rate, attempts included, however many tasks ask",
  simulated(async (sim) => {
    const server = moods([200], [503, "0"], [503, "0"]);
    await withSite(server.answer, async (base) => {
      const client = new ApiClient(base, { rate: 4, burst: 1 });
      await openNursery((nursery) => {
        for (let i = 0; i < 4; i++) nursery.startSoon(() => client.get(`/${i}`));
      });
    });
    assertEquals([server.times.length, sim.now], [6, 1_250]);
  }),
);

Deno.test(
  "rate_limited_client.ts gives up after so many attempts, or when a timeout around it would pass first",
  simulated(async (sim) => {
    await withSite(() => new Response("no", { status: 503 }), async (base) => {
      const client = new ApiClient(base, { attempts: 3 });
      const error = await assertRejects(() => client.get("/x"), HttpError);
      assertEquals(suppressedErrors(error).length, 2);
    });
    const start = sim.now;
    await withSite(() => new Response("no", { status: 429, headers: { "retry-after": "3600" } }), async (base) => {
      await assertRejects(() => failAfter(60_000, () => new ApiClient(base).get("/x")), HttpError);
    });
    assertEquals(sim.now, start);
  }),
);

Deno.test(
  "rate_limited_client.ts gets every item from a moody server",
  simulated(async () => {
    await withSite(moodyServer(), async (base) => {
      const items = await fetchItems(base, () => {});
      assertEquals(items, Array.from({ length: 15 }, (_, i) => ({ item: i + 1 })));
    });
  }),
);

Deno.test("rate_limited_client.ts asks another server when it is given one", () =>
  withSite(({ url }) => Response.json(url), async (base) => {
    const { code, text, errors } = await runExample("rate_limited_client.ts", { allow: ["--allow-net"], args: [base] });
    assertEquals([code, errors, text.split("\n").length], [0, "", 16]);
  }));
