import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { gone } from "./_gone.ts";
import { Program } from "./_program.ts";

const FUNCTIONS = new URL("../../os/workers/_fixtures/functions.ts", import.meta.url).href;

const CALLBACK = new URL("../../os/workers/callback.ts", import.meta.url).href;

/** A program with a pool of one worker, which does something in a run. */
const script = (kind: string, body: string) => `
  import { callback } from ${JSON.stringify(CALLBACK)};
  import { CancelScope, openWorkers, run } from "@trefoil/io";
  await run(async () => {
    const workers = await openWorkers(${JSON.stringify(FUNCTIONS)}, { size: 1, kind: "${kind}", grace: 0 });
    ${body}
  });
  console.log("over");
`;

for (const kind of ["thread", "process"] as const) {
  Deno.test(`W4: a program ends although it has forgotten its pool (${kind})`, async () => {
    const program = Program.start(script(kind, `console.log(await workers.call("add", 1, 2));`));
    const code = await program.end();
    assertEquals([code, program.stdout], [0, "3\nover\n"], program.stderr);
  });

  Deno.test(`W4: Ctrl-C ends a program whose worker computes for ever (${kind})`, async () => {
    const compute = `await workers.call("computeForever", callback(() => console.log("started")));`;
    const program = Program.start(script(kind, compute));
    await program.prints("started");
    program.signal("SIGINT");
    assertEquals(await program.end(), 130, program.stderr);
  });
}

Deno.test("W14: workers that are processes end with a program that calls Deno.exit(), or is killed", async () => {
  for (const how of ["exit", "kill", "kill while it computes"]) {
    const busy = how === "kill" ? "" : `
      workers.call("${how === "exit" ? "computeForever" : "computeAWhile"}", callback(() => {
        console.log("started");
        if (${how === "exit"}) Deno.exit(3);
      }));`;
    const program = Program.start(script(
      "process",
      `console.log("pid " + await workers.call("pid")); ${busy}
       console.log("there"); await new Promise((resolve) => setTimeout(resolve, 60_000));`,
    ));
    await program.prints(how === "kill" ? "there" : "started");
    if (how !== "exit") program.signal("SIGKILL");
    await program.end();
    const pid = Number(/pid (\d+)/.exec(program.stdout)?.[1]);
    assert(pid > 0, program.stdout);
    await gone(pid);
  }
});

Deno.test("a call that waits for the place of a thread that burns on keeps the program there until it gets it", async () => {
  const program = Program.start(script(
    "thread",
    `const shared = new SharedArrayBuffer(4);
     const started = Promise.withResolvers();
     const scope = new CancelScope();
     const call = scope.run(() => workers.call("blockUntil", shared, callback(() => started.resolve())));
     await started.promise;
     scope.cancel();
     await call;
     const next = workers.call("add", 1, 2);
     setTimeout(() => { Atomics.store(new Int32Array(shared), 0, 1); Atomics.notify(new Int32Array(shared), 0); }, 1).unref?.();
     console.log(await next, workers.statistics().started);`,
  ));
  const code = await program.end();
  assertEquals([code, program.stdout], [0, "3 1\nover\n"], program.stderr);
  assertStringIncludes(program.stderr, "has not stopped 0 ms after it was cancelled");
});

Deno.test("W: a module with bare imports works in both kinds, with the package in a folder and on the network", async () => {
  const root = new URL("../../", import.meta.url);
  await using server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, async (request) => {
    try {
      const source = await Deno.readFile(new URL(`.${new URL(request.url).pathname}`, root));
      return new Response(source, { headers: { "content-type": "application/typescript" } });
    } catch {
      return new Response(null, { status: 404 });
    }
  });
  const folder = await Deno.makeTempDir({ prefix: "trefoil_workers_" });
  try {
    for (const base of [root.href, `http://127.0.0.1:${(server.addr as Deno.NetAddr).port}/`]) {
      const imports = {
        "@trefoil/io": `${base}mod.ts`,
        "@trefoil/io/worker": `${base}os/workers/worker.ts`,
      };
      await Deno.writeTextFile(`${folder}/deno.json`, JSON.stringify({ imports }));
      await Deno.writeTextFile(
        `${folder}/lengths.ts`,
        `import { sleep } from "@trefoil/io";
         import { checkCancelled } from "@trefoil/io/worker";
         export async function lengthOf(text: string): Promise<number> {
           checkCancelled();
           await sleep(1);
           return text.length;
         }`,
      );
      await Deno.writeTextFile(
        `${folder}/main.ts`,
        `import { openWorkers, run } from "@trefoil/io";
         await run(async () => {
           for (const kind of ["thread", "process"] as const) {
             const url = new URL("./lengths.ts", import.meta.url);
             await using workers = await openWorkers<typeof import("./lengths.ts")>(url, { kind, size: 1 });
             console.log(kind, await workers.call("lengthOf", "four"));
           }
         });`,
      );
      const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "--check", "--no-lock", "--allow-read", "--allow-run", "--allow-import", `${folder}/main.ts`],
        env: { NO_COLOR: "1" },
      }).output();
      const decoder = new TextDecoder();
      assertEquals(decoder.decode(stdout), "thread 4\nprocess 4\n", decoder.decode(stderr));
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
