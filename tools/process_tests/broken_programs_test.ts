import { assert, assertStringIncludes } from "@std/assert";
import { fromFileUrl } from "../_path.ts";

// What somebody new to this meets first: a program that is wrong, and what `deno test` prints of it. Each report must
// name the line to look at. It is marked by a comment: where[NAME].

const SOURCE = `
import { fetch as ours, Lock, openMemoryChannel, openNursery, Semaphore, simulated, sleep } from "@trefoil/io";

Deno.test("forgotten await", simulated(async () => {
  await openNursery((nursery) => {
    nursery.startSoon(async () => {
      sleep(1_000); // where[forgotten await]
      await sleep(1);
    }, { name: "hasty" });
  });
}));

Deno.test("forgotten nursery", simulated(() => {
  openNursery((nursery) => { // where[forgotten nursery]
    nursery.startSoon(() => sleep(1_000));
  });
}, { leaks: "error" }));

Deno.test("lost lock", simulated(async () => {
  const lock = new Lock({ name: "db" });
  const work = async () => {
    await lock.acquire();
    await sleep(5);
  };
  await openNursery((nursery) => {
    nursery.startSoon(work, { name: "first" }); // where[lost lock]
    nursery.startSoon(work, { name: "second" });
  });
}));

Deno.test("lost permit", simulated(async () => {
  const permits = new Semaphore(1);
  const work = async () => {
    await permits.acquire(); // where[lost permit]
    await sleep(5);
  };
  await openNursery((nursery) => {
    nursery.startSoon(work, { name: "first" });
    nursery.startSoon(work, { name: "second" });
  });
}));

Deno.test("full channel", simulated(async () => {
  const [send, _receive] = openMemoryChannel<number>(8, { name: "results" });
  await openNursery((nursery) => {
    nursery.startSoon(async () => {
      for (let i = 0; i < 100; i++) {
        await send.send(i); // where[full channel]
      }
    }, { name: "producer" });
  });
}));

Deno.test("leaked timer", simulated(async () => {
  setInterval(() => {}, 1_000); // where[leaked timer]
  await sleep(3_500);
}));

Deno.test("unanswered fetch", simulated(async () => {
  using listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const { port } = listener.addr as Deno.NetAddr;
  await ours(\`http://127.0.0.1:\${port}/never\`); // where[unanswered fetch]
}, { realTimeout: 50 }));

Deno.test("unanswered plain fetch", simulated(async () => {
  using listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const { port } = listener.addr as Deno.NetAddr;
  await fetch(\`http://127.0.0.1:\${port}/never\`); // where[unanswered plain fetch]
}, { realTimeout: 50 }));

Deno.test("lost promise", simulated(async () => { // where[lost promise]
  await new Promise(() => {});
}));
`;

/** The line of a mark. */
function lineOf(name: string): number {
  return SOURCE.split("\n").findIndex((line) => line.includes(`where[${name}]`)) + 1;
}

/** What `deno test` prints, by the names of the tests. */
const sections = await (async () => {
  const folder = await Deno.makeTempDir({ prefix: "trefoil_broken_" });
  try {
    const file = `${folder}/pool_test.ts`;
    const library = new URL("../../mod.ts", import.meta.url);
    await Deno.writeTextFile(file, SOURCE.replace("@trefoil/io", library.href));
    const { stdout, stderr, code } = await new Deno.Command(Deno.execPath(), {
      args: ["test", "--no-lock", "--no-check", "--no-config", "--allow-net=127.0.0.1", file],
      cwd: fromFileUrl(new URL("../../", import.meta.url)),
      env: { NO_COLOR: "1" },
    }).output();
    const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
    assert(code === 1, text);
    const [progress = "", errors = ""] = text.split(/\n (?:ERRORS|FAILURES) \n/);
    const map = new Map<string, string>([["progress", progress]]);
    for (const section of errors.split(/\n(?=\S[^\n]* => \S*pool_test\.ts:\d+:\d+\n)/)) {
      map.set(section.trimStart().split(" => ")[0] ?? "", section);
    }
    return map;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
})();

/** What each report says, with the place of the mark in place of {}. */
const REPORTS: Record<string, string> = {
  "forgotten nursery": 'nursery "nursery" (opened at {}:3) was still open, and cancelled (an "await" is missing)',
  "lost lock":
    'BrokenResourceError: Cannot acquire lock "db" as its owner, task "first" #2 (started at {}:13), ended while holding it: ' +
    'write "using guard = await lock.acquire()"',
  "lost permit": "{}:19",
  "full channel": '└─ producer #2  pool_test.ts:46:13  send on channel "results" (8/8)  since t=0ms  {}:20',
  "leaked timer": 'timer: setInterval(1000), fired 3 times at {}:3, task "main" #1',
  "unanswered fetch": "/never  since t=0ms  {}:9",
  "unanswered plain fetch": "/never  {}:9",
  "lost promise": "main #1  running, or awaiting a promise the library does not own  in the test at {}:27",
};

for (const [name, report] of Object.entries(REPORTS)) {
  Deno.test(`a broken program, ${name}: the report names the line to look at`, () => {
    const section = sections.get(name) ?? "";
    // A place of the core is absolute, those of reports are relative to the test.
    const text = section.replace(/(?:file:\/\/)?\/\S*\/pool_test\.ts/g, "pool_test.ts");
    assertStringIncludes(text, report.replace("{}", `pool_test.ts:${lineOf(name)}`));
  });
}

Deno.test("a broken program, forgotten await: a warning names the line to look at", () => {
  assertStringIncludes(
    sections.get("progress") ?? "",
    `wait that nobody awaited: sleep until t=1s at pool_test.ts:${lineOf("forgotten await")}:7, task "hasty" #2`,
  );
});
