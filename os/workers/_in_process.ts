/**
 * The host in a process: what runs there first, by `--preload`, before the module whose functions are called. That is
 * the main module of the process, so the import map of the program holds for it.
 *
 * Messages are frames on stdin and stdout; so what the module prints goes to stderr. When the program has ended, stdin
 * is over: then the process ends as well, or at the end of its call.
 */

import { frameOf, FrameReader } from "../base/frames.ts";
import { announce, catchAll, type Run, runUnder } from "./_in_thread.ts";
import { serve, type Server } from "./_serve.ts";

/** Where this module is: a process is told to load it first. */
export const inProcess: string = import.meta.url;

/** Begins to serve. Called once in each process. */
export function serveProcess(): void {
  printElsewhere();
  const runs: Run[] = [];
  // Before the module is loaded, which may use it.
  const start: { server: Server | null } = { server: null };
  announce({ signal: () => start.server?.signal() ?? null }, () => {}, runs);
  globalThis.addEventListener("load", () => void begin(runs, (server) => start.server = server));
}

async function begin(runs: Run[], began: (server: Server) => void): Promise<void> {
  // deno-lint-ignore trefoil/import-direction -- there is no run here whose context could be lost
  const { deserialize, serialize } = await import("node:v8");
  let over = false;
  const endIfIdle = (): void => {
    if (over && server.signal() === null) Deno.exit(0);
  };
  const server = serve({
    kind: "process",
    // deno-lint-ignore trefoil/import-direction -- there is no run here whose context could be lost
    load: () => import(Deno.mainModule),
    send: (message) => {
      write(frameOf(serialize(message)));
      endIfIdle();
    },
    run: runUnder(runs),
    wait: (register) => new Promise(register),
    look() {},
    block: null,
  }, Deno.version.deno);
  began(server);
  catchAll(server);
  const frames = new FrameReader((payload) => server.receive(deserialize(payload)));
  const buffer = new Uint8Array(256 * 1024);
  for (let length = await Deno.stdin.read(buffer); length !== null; length = await Deno.stdin.read(buffer)) {
    frames.push(buffer.subarray(0, length));
  }
  over = true;
  endIfIdle();
}

function write(bytes: Uint8Array): void {
  for (let sent = 0; sent < bytes.length;) sent += Deno.stdout.writeSync(bytes.subarray(sent));
}

/** Lets `console` write to stderr, as far as it writes to stdout. */
function printElsewhere(): void {
  const { console } = globalThis;
  const print = console.error.bind(console);
  const counts = new Map<string, number>();
  const since = new Map<string, number>();
  const time = (label: string, ...more: unknown[]) =>
    print(`${label}: ${(performance.now() - (since.get(label) ?? 0)).toFixed(2)}ms`, ...more);
  Object.assign(console, {
    log: print,
    info: print,
    debug: print,
    dir: (value: unknown) => print(value),
    dirxml: print,
    table: print,
    count(label = "default") {
      counts.set(label, (counts.get(label) ?? 0) + 1);
      print(`${label}: ${counts.get(label)}`);
    },
    countReset: (label = "default") => void counts.delete(label),
    time: (label = "default") => void since.set(label, performance.now()),
    timeLog: (label = "default", ...more: unknown[]) => time(label, ...more),
    timeEnd: (label = "default") => time(label),
  });
}
