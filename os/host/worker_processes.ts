/** Processes that answer calls: `deno run` of the module itself, with a host of ours that is loaded before it. */

import { hostClear, hostTimeout, outside } from "../../core/internal.ts";
import type { HostWorker, WorkerExit, WorkerStartOptions } from "../../core/lowlevel.ts";
import { guard } from "../base/exit_guard.ts";
import { FrameError, frameOf, FrameReader } from "../base/frames.ts";

/** How long a process may take to end when it has nothing more to read, in milliseconds. It takes 8. */
const PATIENCE = 1_000;

/** Starts a process; `url` is where the host in it is. */
export async function startWorkerProcess(
  url: string,
  { module, memory, permissions, received, exited }: WorkerStartOptions,
): Promise<HostWorker> {
  const { deserialize, serialize } = await outside(() => import("node:v8"));
  // A host that is loaded and begins: a module alone would have to begin wherever it is imported.
  const preload = `data:application/javascript,${
    encodeURIComponent(`import { serveProcess } from ${JSON.stringify(url)}; serveProcess();`)
  }`;
  const flags = memory === undefined ? [] : [`--v8-flags=--max-old-space-size=${memory}`];
  const args = ["run", "--no-prompt", "--quiet", "--no-lock", `--preload=${preload}`, ...flags, ...permissions, module];
  const pipes = { stdin: "piped", stdout: "piped", stderr: "piped" } as const;
  // What it says is read here first, and may become the message of an error.
  const child = new Deno.Command(denoItself(), { args, env: { NO_COLOR: "1" }, ...pipes }).spawn();
  child.unref();
  const release = guard({ kill: () => child.kill("SIGKILL") });
  const input = child.stdin.getWriter();
  let over = false;
  let timer: ReturnType<typeof hostTimeout> | null = null;
  let fault: Error | null = null;
  // What it says before its module is loaded is the reason if that does not work, and is told as such.
  let early: string | null = "";
  const decoder = new TextDecoder();
  const kill = (): void => {
    if (over) return;
    try {
      child.kill("SIGKILL");
    } catch {
      // It has exited, of which we are about to hear.
    }
  };
  const frames = new FrameReader((payload) => {
    if (early !== null && early !== "") print(early);
    early = null;
    received(deserialize(payload));
  });
  const reading = readAll(child.stdout, (piece) => frames.push(piece)).catch((error) => {
    if (error instanceof FrameError) fault = error;
    kill();
  });
  const listening = readAll(child.stderr, (piece) => {
    const text = decoder.decode(piece, { stream: true });
    if (early === null) print(text);
    else early += text;
  }).catch(() => {});
  child.status.then(async ({ code, signal }) => {
    over = true;
    release();
    if (timer !== null) hostClear(timer);
    // What it has said before it ended, unless a descendant of it holds the pipe.
    const all = Promise.all([reading, listening]);
    await Promise.race([all, new Promise((resolve) => timer = hostTimeout(resolve, PATIENCE))]);
    if (timer !== null) hostClear(timer);
    await input.abort().catch(() => {});
    if (early !== null && early !== "") fault ??= saidEarly(early);
    exited({ code, signal, error: fault ?? undefined } satisfies WorkerExit);
  });
  return {
    send(message) {
      input.write(frameOf(serialize(message)) as Uint8Array<ArrayBuffer>).catch(() => {});
    },
    interrupt() {},
    hold(busy) {
      if (busy) child.ref();
      else child.unref();
    },
    end() {
      if (over) return;
      input.close().catch(() => {});
      timer = hostTimeout(kill, PATIENCE);
    },
    kill,
  };
}

function print(text: string): void {
  Deno.stderr.write(new TextEncoder().encode(text)).catch(() => {});
}

/** What a process has printed that did not begin, as an error: its first line says what it is. */
function saidEarly(text: string): Error {
  const [first = ""] = text.split("\n", 1);
  const error = new Error(first.replace(/^error: (?:Uncaught )?(?:\(in promise\) )?/, ""));
  error.stack = text.trimEnd();
  return error;
}

async function readAll(stream: ReadableStream<Uint8Array>, take: (piece: Uint8Array) => void): Promise<void> {
  const reader = stream.getReader();
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) take(next.value);
  } finally {
    await reader.cancel().catch(() => {});
  }
}

/**
 * The program `deno`. Where only the name may be run, as in an installation by npm, the one on PATH is taken; the
 * version that it reports must be that of this one.
 */
function denoItself(): string {
  const path = Deno.execPath();
  const may = (command: string): boolean => Deno.permissions.querySync({ name: "run", command }).state === "granted";
  return !may(path) && may("deno") ? "deno" : path;
}
