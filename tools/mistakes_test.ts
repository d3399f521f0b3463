/**
 * The programs of the tutorial, with one mistake put in at a time, as their readers would make it: who notices?
 *
 * The lint plugin, before anything runs; or the compiler; or the library, when the program runs; or nobody, which the
 * table says as well, with the reason. A mistake that moves from one of these to another is a change of this table.
 *
 * Over 400 lines, as it is a table.
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import plugin from "../lint/mod.ts";
import strict from "../lint/strict.ts";

/** Who notices a mistake: the first of the four. */
type Noticed =
  /** A rule of the plugin, or of the strict one. */
  | { readonly lint: string }
  /** The compiler, by the number of its message. */
  | { readonly compiler: number }
  /** Nobody before the program runs: then this function of it, called in a simulation, has it printed. */
  | { readonly atRunTime: RegExp; readonly when: string }
  /** Nobody, and why. */
  | { readonly nobody: string };

interface Mistake {
  /** What is done wrong. */
  readonly what: string;
  readonly file: string;
  /** The text that is replaced, in its first place. */
  readonly text: string;
  readonly by: string;
  /** What the mistake needs at the top of the file. */
  readonly also?: string;
  readonly noticed: Noticed;
}

const folder = new URL("../examples/lighthouse/", import.meta.url);

const ONE = "1_one_check.ts";
const TWO = "2_many_at_once.ts";
const THREE = "3_when_things_fail.ts";
const FOUR = "4_watching.ts";
const FIVE = "5_telling_others.ts";
const SIX = "6_alarms.ts";
const SEVEN = "7_not_too_much.ts";
const EIGHT = "8_winding_down.ts";
const NINE = "9_a_week.ts";
const TEN = "10_in_the_world.ts";

const MISSING_AWAIT = { lint: "missing-await" };
const IMPORT_SLEEP = 'import { sleep } from "@trefoil/io";\n';

/** An `await` that is left out: `text` without its first word. */
function forgotten(what: string, file: string, text: string, noticed: Noticed = MISSING_AWAIT): Mistake {
  return { what: `no await: ${what}`, file, text, by: text.replace("await ", ""), noticed };
}

/** A simulation with a host "web" that accepts connections, and a target for it. */
const WEB = `
  sim.net.host("web").startSoon(() => serveTcp(() => {}, { port: 80 }));
  const target = { name: "web:80", host: "web", port: 80 };
`;
/** A server for \`watch\` and \`status\`, and a client that says one of them. */
const CLIENT = (says: string) => `
  const [states, seen] = openWatch(new Map([["web:80", "up"]]));
  sim.background.startSoon(() => program.statusServer(seen, { port: 7070 })());
  await sim.settled();
  using client = await openTcpStream("localhost", 7070);
  await client.sendText("${says}\\n");
  console.log(new TextDecoder().decode(await client.receiveSome() ?? new Uint8Array()) || "hung up on");
  await sleep(1_000);
`;

const MISTAKES: readonly Mistake[] = [
  // An await that is left out, of each kind of call.
  forgotten("using, of a stream", ONE, "using _ = await openTcpStream"),
  forgotten("in a text", ONE, "${await check(host, Number(port))}"),
  forgotten("of a timeout", THREE, "await failAfter("),
  forgotten("of a retry", THREE, "await retry("),
  forgotten("of handleErrors", THREE, "await handleErrors("),
  forgotten("of an own function", THREE, "await checkAll("),
  forgotten("of a sleep", FOUR, "await sleepUntil("),
  forgotten("of a nursery", FOUR, "await openNursery("),
  forgotten("of a watch", FOUR, "await seen.waitFor("),
  forgotten("of one or the other own function", FIVE, "await (line ==="),
  forgotten("of an own function in a loop", FIVE, "await show(states)"),
  forgotten("of a send to a stream", SIX, "await pager.sendText("),
  forgotten("of a line that is compared", SIX, "await pager.receiveLine("),
  forgotten("of a send to a channel", SIX, "await order.send("),
  forgotten("of nursery.start", SIX, "await nursery.start("),
  forgotten("of a limiter", SEVEN, "await pace.acquire()"),
  forgotten("using, of a place", SEVEN, "using _ = await places"),
  forgotten("of a shield", EIGHT, "await shielded("),
  forgotten("of untilShutdown", EIGHT, "await untilShutdown(() => watchAll"),
  forgotten("of an own function that sleeps", NINE, 'await until("Mon", 9)'),
  forgotten("of a line in a text", NINE, "${await pager.receiveLine()}"),
  forgotten("of an option whose result is used", FOUR, "await look(target)", { compiler: 2345 }),
  forgotten("of a timeout whose result is used", FIVE, "await failAfter(IDLE", { compiler: 2367 }),
  forgotten("of nursery.start whose result is used", FIVE, "await nursery.start(", { compiler: 2488 }),
  forgotten("of a select whose result is used", SIX, "await select(", { compiler: 2339 }),
  forgotten("for without await", FIVE, "for await (const states", { compiler: 2488 }),
  forgotten("of a handler that is a parameter", FIVE, "await handler();", {
    atRunTime: /Cannot leave task "connection" #\d+ as .* \(an "await" is missing\)/,
    when: CLIENT("status"),
  }),
  forgotten("of a race, with void before it", FIVE, "await race(", {
    atRunTime: /Cannot leave task "connection" #\d+ as .*: nursery .* \(an "await" is missing\)/,
    when: CLIENT("watch"),
  }),
  forgotten("of what is attempted, a parameter", SEVEN, "await attempt(target)", {
    atRunTime: /wait that nobody awaited: connect/,
    when: `${WEB} await program.gently({ atOnce: 1, perSecond: 1 })(target);`,
  }),
  forgotten("of an option that may be absent", FOUR, "await onChange?.(", {
    nobody: "it need not return a promise, so awaiting it is a decision",
  }),
  forgotten("of the sending function, a parameter", SIX, "await send(value)", {
    atRunTime: /wait that nobody awaited: sleep/,
    when: `
      const [[alarm, alarms], [order, orders]] = [openMemoryChannel(1), openMemoryChannel(1)];
      alarm.trySend("web is down");
      alarm.close();
      order.close();
      await program.pageAll(alarms, orders, () => sleep(1_000));`,
  }),

  // Cancellation.
  {
    what: "a catch takes Cancelled for an answer",
    file: ONE,
    text: "      if (isCancelled(error)) throw error;\n",
    by: "",
    noticed: { lint: "strict/swallowed-cancel-anywhere" },
  },
  {
    what: "a catch takes each error for an answer",
    file: THREE,
    text: "if (state === undefined) throw error;\n    return state;",
    by: 'return state ?? "down";',
    noticed: { lint: "strict/swallowed-cancel-anywhere" },
  },
  {
    what: "a catch prints each error",
    file: SIX,
    text: "if (!(error instanceof EndOfChannel)) throw error;",
    by: "if (!(error instanceof EndOfChannel)) console.error(error);",
    noticed: { lint: "strict/swallowed-cancel-anywhere" },
  },
  {
    what: "a loop prints errors, and goes on",
    file: FOUR,
    text: `const state = await look(target);
      const before = states.value.get(target.name);
      if (state === before) continue;
      states.update((all) => new Map(all).set(target.name, state));
      await onChange?.(target.name, state, before);`,
    by: `try {
        states.update((all) => new Map(all).set(target.name, "up"));
        await sleepUntil(next);
      } catch (error) {
        console.error(error);
      }`,
    noticed: { lint: "strict/swallowed-cancel-anywhere" },
  },
  {
    what: "a loop that does all of its waiting in a try goes on after errors",
    file: FOUR,
    text: `      await sleepUntil(next);
      const state = await look(target);`,
    by: `      let state: State;
      try {
        await sleepUntil(next);
        state = await look(target);
      } catch {
        continue;
      }`,
    noticed: { lint: "swallowed-cancel" },
  },
  {
    what: "a retry by hand",
    file: SIX,
    text: "await retry(() => failAfter(PATIENCE, attempt), { attempts: Infinity, retryIf });",
    by: `while (true) {
    try {
      return await failAfter(PATIENCE, attempt);
    } catch (error) {
      console.error("trying again:", error, retryIf);
    }
  }`,
    noticed: { lint: "swallowed-cancel" },
  },
  {
    what: "an own error for each error",
    file: THREE,
    text: "const state = stateAfter(error);\n    if (state === undefined) throw error;\n    return state;",
    by: "throw new Error(`Cannot check ${target.name}`, { cause: error });",
    noticed: { lint: "wrapped-cancel" },
  },
  {
    what: "a goodbye in finally, to a channel",
    file: EIGHT,
    text: "await shielded(() => forgive(() => page(pager, lastWord)), { timeout: LAST_WORD });",
    by: "await news.send(lastWord);",
    noticed: { lint: "unshielded-cleanup" },
  },
  {
    what: "a goodbye in finally, by a function of another file",
    file: EIGHT,
    text: "await shielded(() => forgive(() => page(pager, lastWord)), { timeout: LAST_WORD });",
    by: "await forgive(() => page(pager, lastWord));",
    noticed: { nobody: "the plugin sees one file, and does not know that the function waits" },
  },
  {
    what: "a shield without an end",
    file: EIGHT,
    text: ", { timeout: LAST_WORD });",
    by: ");",
    noticed: { lint: "unbounded-shield" },
  },

  // Promises where functions are meant, and their combinators.
  {
    what: "Promise.race with a timer",
    file: THREE,
    text: "await failAfter(PATIENCE, async () => {\n    using _ = await openTcpStream(host, port);\n  });",
    by: `const late = new Promise((_, reject) => setTimeout(reject, PATIENCE));
  await Promise.race([openTcpStream(host, port), late]);`,
    noticed: { lint: "promise-combinator" },
  },
  {
    what: "Promise.race of own functions",
    file: FIVE,
    text: "race([watch, ask])",
    by: "Promise.race([watch(), ask()])",
    noticed: { lint: "promise-combinator" },
  },
  {
    what: "Promise.all over a function of another file",
    file: TWO,
    text: "return map(targets, ({ host, port }) => check(host, port), { concurrency: AT_ONCE });",
    by: "return Promise.all(targets.map(({ host, port }) => check(host, port)));",
    noticed: { nobody: "the plugin sees one file, and does not know that the function waits" },
  },
  {
    what: "race of promises",
    file: FIVE,
    text: "race([watch, ask])",
    by: "race([watch(), ask()])",
    noticed: { lint: "promise-for-function" },
  },
  {
    what: "startSoon of a promise",
    file: FOUR,
    text: "startSoon(() => watch(target),",
    by: "startSoon(watch(target),",
    noticed: { lint: "promise-for-function" },
  },
  {
    what: "startSoon of the promise of a server",
    file: NINE,
    text: "host.startSoon(() => serveTcp(() => {}, { port: 80 }))",
    by: "host.startSoon(serveTcp(() => {}, { port: 80 }))",
    noticed: { lint: "promise-for-function" },
  },
  {
    what: "a timeout of a promise",
    file: FIVE,
    text: "failAfter(IDLE, ask)",
    by: "failAfter(IDLE, ask())",
    noticed: { lint: "promise-for-function" },
  },
  {
    what: "a retry of a promise",
    file: THREE,
    text: "retry(() => attempt(target),",
    by: "retry(attempt(target),",
    noticed: { lint: "promise-for-function" },
  },
  {
    what: "run of a promise",
    file: EIGHT,
    text: "run(() => keepWatch(targets, { ...options, check: (target) => check(target, attempt) }),",
    by: "run(keepWatch(targets, { ...options, check: (target) => check(target, attempt) }),",
    noticed: { lint: "promise-for-function" },
  },
  {
    what: "await of a task",
    file: FOUR,
    text: "nursery.startSoon(() => watchAll(targets, states, options)",
    by: "await nursery.startSoon(() => watchAll(targets, states, options)",
    noticed: { lint: "awaited-task" },
  },
  {
    what: "a generator as a task",
    file: SIX,
    text: "async function obey() {",
    by: "async function* obey() {",
    noticed: { lint: "generator-as-task" },
  },
  {
    what: "forEach with an async function",
    file: FOUR,
    text: "for (const target of targets) nursery.startSoon(() => watch(target), { name: target.name });",
    by: "targets.forEach(async (target) => await nursery.startSoon(() => watch(target)).join());",
    noticed: { lint: "async-foreach" },
  },
  {
    what: "a list of promises instead of a promise of a list",
    file: TWO,
    text: "return map(targets, ({ host, port }) => check(host, port), { concurrency: AT_ONCE });",
    by: "return targets.map(({ host, port }) => check(host, port));",
    noticed: { compiler: 2739 },
  },
  {
    what: "start of a function that never says started",
    file: FIVE,
    text: "nursery.startSoon(() => watchAll(",
    by: "await nursery.start(() => watchAll(",
    noticed: { lint: "start-without-started" },
  },

  // Who owns what, and for how long.
  {
    what: "a cache of promises",
    file: THREE,
    text: "/** Checks all targets, and tells",
    by: `const asked = new Map<string, Promise<State>>();
/** Checks a target once. */
export function checkOnce(target: Target): Promise<State> {
  const known = asked.get(target.name) ?? check(target);
  asked.set(target.name, known);
  return known;
}

/** Checks all targets, and tells`,
    noticed: { lint: "shared-promise" },
  },
  {
    what: "a resource is closed before the tasks that use it end",
    file: SIX,
    text: "  const alarms = news.subscribe();\n  await openNursery(async (nursery) => {",
    by: "  await openNursery(async (nursery) => {\n    using alarms = news.subscribe();",
    noticed: { lint: "resource-outlives-nursery" },
  },
  {
    what: "a wait is returned out of a block that closes its stream",
    file: THREE,
    text: "/** Knocks once.",
    by: `/** Hears what a service says first. */
export async function greeting({ host, port }: Target): Promise<Uint8Array | null> {
  using stream = await openTcpStream(host, port);
  return stream.receiveSome();
}

/** Knocks once.`,
    noticed: { lint: "early-return" },
  },
  {
    what: "a wait is returned out of a try, so its catch hears nothing",
    file: THREE,
    text: 'await retry(() => attempt(target), { attempts: 3, backoff: () => PAUSE, retryIf });\n    return "up";',
    by:
      'return retry(() => attempt(target).then(() => "up" as const), { attempts: 3, backoff: () => PAUSE, retryIf });',
    noticed: { lint: "early-return" },
  },
  {
    what: "a parameter's promise is returned out of a try, so its catch hears nothing",
    file: FIVE,
    text:
      "export async function forgive(handler: () => Promise<unknown>): Promise<void> {\n  try {\n    await handler();",
    by:
      "export async function forgive(handler: () => Promise<unknown>): Promise<unknown> {\n  try {\n    return handler();",
    noticed: {
      atRunTime: /MessageTooLongError/,
      when: CLIENT("x".repeat(200)),
    },
  },
  {
    what: "a parameter's promise is returned, so the place is free before the knock is over",
    file: SEVEN,
    text: "await attempt(target);",
    by: "return attempt(target);",
    noticed: { nobody: "nothing in the file says that the parameter returns a promise" },
  },
  {
    what: "a place in a limiter that is not given back",
    file: SEVEN,
    text: "using _ = await places.acquire();",
    by: "await places.acquire();",
    noticed: {
      atRunTime: /each borrower can have one token: task "main" #\d+ has one already/,
      when: `${WEB}
        const knock = program.gently({ atOnce: 1, perSecond: 1 });
        await knock(target);
        await knock(target);`,
    },
  },
  {
    what: "a stream that is not closed",
    file: SIX,
    text: "using pager = new BufferedStream",
    by: "const pager = new BufferedStream",
    noticed: {
      atRunTime: /not closed: connection/,
      when: `
        sim.net.host("pager").startSoon(() => serveTcp((stream) => stream.sendText("ok\\n"), { port: 80 }));
        await program.page({ name: "pager:80", host: "pager", port: 80 }, "web is down");`,
    },
  },
  {
    what: "a stream that nobody has",
    file: THREE,
    text: "using _ = await openTcpStream",
    by: "await openTcpStream",
    noticed: { atRunTime: /not closed: connection/, when: `${WEB} await program.knock(target);` },
  },
  {
    what: "a scope for all calls of a function",
    file: THREE,
    text: "await failAfter(PATIENCE, async () => {",
    by: "await patience.run(async () => {",
    also: 'import { CancelScope } from "@trefoil/io";\nconst patience = new CancelScope({ timeout: 2_000 });\n',
    noticed: {
      atRunTime: /Cannot enter a scope as it was used before/,
      when: `${WEB} await program.knock(target); await program.knock(target);`,
    },
  },
  {
    what: "background work that is no daemon",
    file: FOUR,
    text: ", { daemon: true });",
    by: ");",
    noticed: {
      atRunTime: /Cannot go on as more virtual time would pass than allowed/,
      when: `${WEB} await program.untilAllUp([target]);`,
    },
  },
  {
    what: "one reader of a watch for all clients",
    file: FIVE,
    text: "seen.clone()",
    by: "seen",
    noticed: { nobody: "one client then gets what another has not seen, which may be meant" },
  },
  {
    what: "a channel that is not closed at the end",
    file: EIGHT,
    text: "        using _ = news;\n",
    by: "",
    noticed: { nobody: "its reader waits until the grace of the shutdown is over, and then all is over" },
  },

  // Time.
  {
    what: "a pause made of setTimeout",
    file: NINE,
    text: "await sleep(5 * MINUTE)",
    by: "await new Promise((resolve) => setTimeout(resolve, 5 * MINUTE))",
    noticed: { lint: "library-sleep" },
  },
  {
    what: "a beat made of setInterval",
    file: FOUR,
    text: "    nursery.startSoon(() => watchAll(targets, states, options), { daemon: true });",
    by: "    setInterval(async () => await watchAll(targets, states, options), 10_000);",
    noticed: { lint: "async-interval" },
  },
  {
    what: "a beat on the clock of the wall",
    file: FOUR,
    text: "for (let next = currentTime();; next = Math.max(next + every, currentTime())) {",
    by: "for (let next = Date.now();; next = Math.max(next + every, Date.now())) {",
    noticed: { lint: "foreign-deadline" },
  },
  {
    what: "a beat that begins on the clock of the host",
    file: FOUR,
    text: "for (let next = currentTime();;",
    by: "for (let next = performance.now();;",
    noticed: { lint: "foreign-deadline" },
  },
  {
    what: "a deadline on the clock of the wall",
    file: NINE,
    text: "await sleepUntil(7 * DAY)",
    by: "await sleepUntil(Date.now() + 7 * DAY)",
    noticed: { lint: "foreign-deadline" },
  },
  {
    what: "seconds, and a name that says so",
    file: FIVE,
    text: "failAfter(IDLE, ask)",
    by: "failAfter(IDLE_SECONDS, ask)",
    also: "const IDLE_SECONDS = 60;\n",
    noticed: { lint: "seconds-for-milliseconds" },
  },
  {
    what: "seconds, in a constant",
    file: THREE,
    text: "const PATIENCE = 2_000;",
    by: "const PATIENCE = 2;",
    noticed: { lint: "strict/tiny-timeout" },
  },
  {
    what: "seconds, in an option",
    file: FOUR,
    text: "every = 10_000",
    by: "every = 10",
    noticed: { nobody: "ten milliseconds are a beat as good as any" },
  },
  {
    what: "a loop that sleeps and looks",
    file: FOUR,
    text: 'await seen.waitFor((all) => targets.every(({ name }) => all.get(name) === "up"));',
    by: 'while (!targets.every(({ name }) => states.value.get(name) === "up")) await sleep(50);',
    also: IMPORT_SLEEP,
    noticed: { lint: "strict/busy-wait" },
  },
  {
    what: "a timeout of something that does not wait",
    file: FIVE,
    text: "failAfter(PATIENCE, () => client.sendText(text))",
    by: "failAfter(PATIENCE, () => {\n    client.sendText(text);\n  })",
    noticed: MISSING_AWAIT,
  },

  // What no scope reaches.
  {
    what: "the global fetch",
    file: THREE,
    text: "using _ = await openTcpStream(host, port);",
    by: "await fetch(`http://${host}:${port}/`);",
    noticed: { lint: "library-fetch" },
  },
  {
    what: "a fetch with a signal as its timeout",
    file: THREE,
    text: "await failAfter(PATIENCE, async () => {\n    using _ = await openTcpStream(host, port);\n  });",
    by: "await fetch(`http://${host}:${port}/`, { signal: AbortSignal.timeout(PATIENCE) });",
    noticed: { lint: "foreign-timeout" },
  },
  {
    what: "a file that is read while nothing else can run",
    file: FIVE,
    text: "  while (true) {\n",
    by: '  await tell(Deno.readTextFileSync("motto.txt"));\n  while (true) {\n',
    noticed: { lint: "blocking-call" },
  },
  {
    what: "the same in a handler that is no async function",
    file: TEN,
    text: "return new Response(PAGE,",
    by: 'return new Response(Deno.readTextFileSync("page.html"),',
    noticed: { nobody: "the plugin looks into async functions: in others there may be no other way" },
  },

  // What is written wrong.
  {
    what: "a value that may not be there",
    file: ONE,
    text: 'return outcome.cancelledCaught ? "silent" : outcome.value;',
    by: "return outcome.value;",
    noticed: { compiler: 2322 },
  },
  {
    what: "an option that does not exist",
    file: TWO,
    text: "{ concurrency: AT_ONCE }",
    by: "{ concurency: AT_ONCE }",
    noticed: { compiler: 2561 },
  },
  {
    what: "a port that is a text",
    file: FIVE,
    text: "port: Number(port)",
    by: "port",
    noticed: { compiler: 2322 },
  },
  {
    what: "arguments the wrong way round",
    file: ONE,
    text: "moveOnAfter(PATIENCE, async () => {",
    by: "moveOnAfter(async () => {",
    noticed: { compiler: 2554 },
  },
];

/** A program with a mistake in it. */
async function withMistake({ what, file, text, by, also = "" }: Mistake): Promise<string> {
  const program = await Deno.readTextFile(new URL(file, folder));
  assert(program.includes(text), `${what}: ${file} has no text ${text}`);
  return also + program.replace(text, () => by);
}

/** The names of the rules that find something. */
function findings(name: string, program: string): string[] {
  const found = [plugin, strict].flatMap((each) => Deno.lint.runPlugin(each, name, program)).map(({ id }) => id);
  return [...new Set(found)].map((id) => id.replace(/^trefoil\//, "").replace(/^trefoil-strict\//, "strict/"));
}

/** A folder with all of them, outside the repository, in which the package has its name. */
async function writeAll(to: string): Promise<void> {
  const config = {
    imports: { "@trefoil/io": new URL("../mod.ts", import.meta.url).href },
    compilerOptions: JSON.parse(await Deno.readTextFile(new URL("../deno.json", import.meta.url))).compilerOptions,
  };
  await Deno.writeTextFile(`${to}/deno.json`, JSON.stringify(config));
  const all: string[] = [];
  for (const [index, mistake] of MISTAKES.entries()) {
    const program = await withMistake(mistake);
    const text = program.replace(
      /"(?:\.\/|\.\.\/\.\.\/examples\/lighthouse\/)(\w+\.ts)"/g,
      (_, name) => `"${new URL(name, folder).href}"`,
    );
    await Deno.writeTextFile(`${to}/${index}.ts`, text);
    if (!("atRunTime" in mistake.noticed)) continue;
    await Deno.writeTextFile(
      `${to}/${index}_run.ts`,
      `import { openMemoryChannel, openTcpStream, openWatch, serveTcp, simulate, sleep } from "@trefoil/io";
import * as program from "./${index}.ts";
export const failing = () => simulate(async (sim) => {
${mistake.noticed.when}
}, { maxVirtual: 3_600_000 });
`,
    );
    all.push(`await import("./${index}_run.ts").then(({ failing }) => failing()).catch(console.error);`);
  }
  await Deno.writeTextFile(`${to}/all.ts`, all.map((each) => `console.error("#####");\n${each}\n`).join(""));
}

async function deno(cwd: string, ...args: string[]): Promise<string> {
  const command = new Deno.Command(Deno.execPath(), { args, cwd, env: { NO_COLOR: "1" } });
  const { stdout, stderr } = await command.output();
  return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
}

Deno.test("the programs of the tutorial have nothing that the lint plugins warn of", async () => {
  for (const file of [ONE, TWO, THREE, FOUR, FIVE, SIX, SEVEN, EIGHT, NINE, TEN]) {
    assertEquals([file, ...findings(file, await Deno.readTextFile(new URL(file, folder)))], [file]);
  }
});

Deno.test("each mistake is noticed by the rule that the table says, and the others by none", async () => {
  for (const mistake of MISTAKES) {
    const found = findings(mistake.file, await withMistake(mistake));
    const { noticed, what } = mistake;
    if ("lint" in noticed) assert(found.includes(noticed.lint), `${what}: found ${found}`);
    else assertEquals([what, ...found], [what]);
  }
});

Deno.test("the compiler, or the library at run time, notices those that the table says", async () => {
  const to = await Deno.makeTempDir({ prefix: "mistakes_" });
  try {
    await writeAll(to);
    const files = MISTAKES.map((_, index) => `${index}.ts`);
    const numbers = new Map<string, number[]>(files.map((file) => [file, []]));
    const report = await deno(to, "check", "--no-lock", ...files);
    for (const [, number, file] of report.matchAll(/TS(\d+) \[ERROR\][\s\S]*?\n\s+at \S*\/(\d+\.ts):\d+:\d+/g)) {
      numbers.get(file!)!.push(Number(number));
    }
    for (const [index, { what, noticed }] of MISTAKES.entries()) {
      const found = numbers.get(`${index}.ts`)!;
      // A name that does not exist would be a mistake of this table.
      assert(!found.includes(2304), `${what}: ${report}`);
      if ("compiler" in noticed) assert(found.includes(noticed.compiler), `${what}: found ${found}`);
      else if (!("lint" in noticed)) assertEquals([what, ...found], [what]);
    }
    const printed = (await deno(to, "run", "--no-lock", "--no-check", "--allow-read", "all.ts")).split("#####\n");
    const atRunTime = MISTAKES.filter(({ noticed }) => "atRunTime" in noticed);
    assertEquals(printed.length, 1 + atRunTime.length);
    for (const [index, { what, noticed }] of atRunTime.entries()) {
      if ("atRunTime" in noticed) assertMatch(printed[1 + index]!, noticed.atRunTime, what);
    }
  } finally {
    await Deno.remove(to, { recursive: true });
  }
});

Deno.test("nine in ten mistakes are noticed, and two in three before a program runs", () => {
  const count = (...keys: string[]) => MISTAKES.filter(({ noticed }) => keys.some((key) => key in noticed)).length;
  assert(count("nobody") * 10 <= MISTAKES.length, String(count("nobody")));
  assert(count("lint", "compiler") * 3 >= MISTAKES.length * 2, String(count("lint", "compiler")));
});
