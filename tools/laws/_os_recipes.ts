/** Recipes for what os exports: over processes in memory, which exit at once, or when they are killed. */

import {
  childProcess,
  openProcess,
  openSignals,
  openStdin,
  type Process,
  type ReceiveStream,
  runProcess,
  stdinLines,
} from "../../mod.ts";
import {
  copyFile,
  type FileStream,
  type FileWatcher,
  lockFile,
  openFile,
  openTempDir,
  openTempFile,
  openTerminalSize,
  openWorkers,
  readFile,
  readLines,
  readTextFile,
  runPipeline,
  type TerminalSizeWatch,
  tryLockFile,
  watchFiles,
  type Workers,
  writeFileAtomic,
} from "../../os/mod.ts";
import {
  currentRun,
  type HostProcess,
  type ProcessHost,
  type ProcessStatus,
  type StandardInput,
  type WorkerHost,
} from "../../core/lowlevel.ts";
import { type AnyRecipe, CLEANUP, NOBODY, nothing, type Recipe, recipe } from "./_recipe.ts";

/** Processes that have exited by the time they are there; or that exit when they are killed. */
function processes(ready: boolean): ProcessHost {
  return {
    inMemory: true,
    spawn(): HostProcess {
      const { promise: status, resolve } = Promise.withResolvers<ProcessStatus>();
      const exit = (signal: string | null): void => resolve({ success: signal === null, code: 0, signal });
      if (ready) exit(null);
      return { pid: 1, stdin: null, stdout: null, stderr: null, status, kill: exit };
    },
  };
}

/** What runs a program to its end. */
function runs(way: () => unknown): Record<"ready" | "waiting", AnyRecipe> {
  const both = { open: nothing, alone: way, close: NOBODY };
  return {
    ready: recipe({ ...both, ready: way, waiting: "its processes have exited", processes: processes(true) }),
    waiting: recipe({ ...both, ready: "its processes go on", waiting: way, processes: processes(false) }),
  };
}

/** A method of a process. */
function ofProcess(way: (process: Process) => unknown, more: Partial<Recipe<Process>>): AnyRecipe {
  return recipe<Process>({
    open: () => openProcess("it"),
    ready: way,
    waiting: CLEANUP,
    close: NOBODY,
    processes: processes(true),
    ...more,
  });
}

const program = runs(() => runProcess("it"));
const pipeline = runs(() => runPipeline(["it"]));
const child = runs(() => childProcess("it")());
const cleanup = { uncancelled: "shielded" } as const;

const signals = {
  open: (kit: Parameters<AnyRecipe["open"]>[0]) => kit.use(openSignals("SIGHUP")),
  ready: "a signal has to come first",
  close: (made: { close(): void }) => made.close(),
} as const;

const size = {
  open: (kit: Parameters<AnyRecipe["open"]>[0]) => kit.use(openTerminalSize()),
  ready: "the window has to change first",
  close: (made: TerminalSizeWatch) => made.close(),
} as const;

/** A standard input that always has a line; or in which nothing comes. */
function input(ready: boolean): StandardInput {
  return { take: () => ready ? new Uint8Array([97, 10]) : undefined, putBack: nothing, wait: () => nothing };
}

/** A receive from a standard input. */
function ofStdin(way: (stdin: ReceiveStream) => unknown, ready: boolean): AnyRecipe {
  return recipe<ReceiveStream>({
    open: (kit) => kit.use(openStdin()),
    ready: ready ? way : "nothing comes",
    waiting: ready ? "there is always something" : way,
    close: (stdin) => stdin.close(),
    stdin: input(ready),
  });
}

/** Waits until the host has ended what was left behind. */
async function landed(): Promise<void> {
  for (let looks = 0; looks < 10_000 && currentRun().statistics().hostOperations.length > 0; looks++) {
    await new Promise<void>((resolve) => void setImmediate(resolve));
  }
}

/** What does something with a file, which takes the host a moment. */
function ofFile(way: (path: string) => unknown, more: Partial<Recipe<string>> = {}): AnyRecipe {
  return recipe<string>({
    open(kit) {
      const dir = Deno.makeTempDirSync({ prefix: "trefoil_laws_" });
      Deno.writeTextFileSync(`${dir}/f`, "a\nb\n");
      kit.defer(() => Deno.removeSync(dir, { recursive: true }));
      kit.defer(landed);
      return `${dir}/f`;
    },
    ready: way,
    waiting: "the host is quick",
    close: NOBODY,
    slow: true,
    ...more,
  });
}

/** A lock of which somebody else has the file. */
function ofLock(way: (path: string) => Promise<Disposable | null>): AnyRecipe {
  return ofFile(async (path) => (await way(path))?.[Symbol.dispose](), { alone: way });
}

/** An open file whose operations end at once; or when it is closed. */
async function openedFile(ready: boolean): Promise<FileStream> {
  const { promise: closed, reject } = Promise.withResolvers<never>();
  closed.catch(() => {});
  const answer = <T>(value: T): Promise<T> => ready ? Promise.resolve(value) : closed;
  const info = { size: 0, isDirectory: false };
  const file = {
    read: () => answer(1),
    write: () => answer(1),
    seek: () => answer(0),
    stat: () => Promise.resolve(info),
    sync: () => answer(undefined),
    truncate: () => answer(undefined),
    close: () => reject(new Deno.errors.BadResource("It was closed")),
  };
  const { open } = Deno;
  Deno.open = () => Promise.resolve(file as unknown as Deno.FsFile);
  try {
    return await openFile("it");
  } finally {
    Deno.open = open;
    file.stat = () => answer(info);
  }
}

/** A method of an open file. */
function ofOpen(
  way: (file: FileStream) => unknown,
  more: Partial<Recipe<Record<"ready" | "waiting", FileStream>>> = {},
): AnyRecipe {
  return recipe<Record<"ready" | "waiting", FileStream>>({
    open: async (kit) => ({ ready: kit.use(await openedFile(true)), waiting: kit.use(await openedFile(false)) }),
    ready: ({ ready }) => way(ready),
    waiting: ({ waiting }) => way(waiting),
    close({ ready, waiting }) {
      ready.close();
      waiting.close();
    },
    ...more,
  });
}

/** A watcher of a folder in which nothing happens. */
const watcher = {
  async open(kit: Parameters<AnyRecipe["open"]>[0]) {
    const dir = Deno.makeTempDirSync({ prefix: "trefoil_laws_" });
    kit.defer(() => Deno.removeSync(dir, { recursive: true }));
    kit.defer(landed);
    return kit.use(await watchFiles(dir));
  },
  ready: "something has to change first",
  close: (made: FileWatcher) => made.close(),
  slow: true,
} as const;

/** Workers that answer at once; or only when their call is cancelled. */
function workers(ready: boolean): WorkerHost {
  return {
    inMemory: true,
    start({ received, exited }) {
      received({ type: "ready", functions: ["f", "g"], version: null });
      const end = () => queueMicrotask(() => exited({ code: 0, signal: null, error: undefined }));
      return Promise.resolve({
        send(message: unknown) {
          const { type, call } = message as { readonly type: string; readonly call: number };
          if (type !== (ready ? "call" : "cancel")) return;
          queueMicrotask(() => received({ type: "result", call, value: 1 }));
        },
        interrupt() {},
        hold() {},
        end,
        kill: end,
      });
    },
  };
}

const MODULE = "file:///functions.ts";
interface Functions {
  f(): number;
  g(): Generator<number>;
}

/** A method of a pool of workers. */
function ofWorkers(way: (made: Workers<Functions>) => unknown, ready: boolean): AnyRecipe {
  return recipe<Workers<Functions>>({
    async open(kit) {
      const made = await openWorkers<Functions>(MODULE, { size: 2 });
      kit.defer(() => made.close());
      return made;
    },
    ready: ready ? way : "its workers do not answer",
    waiting: ready ? "its workers answer at once" : way,
    close: (made) => void made.close(),
    workers: workers(ready),
  });
}

export const OS: Readonly<Record<string, AnyRecipe>> = {
  readFile: ofFile((path) => readFile(path)),
  readTextFile: ofFile((path) => readTextFile(path)),
  readLines: ofFile(async (path) => {
    for await (const _ of readLines(path));
  }, { alone: (path) => readLines(path).next() }),
  writeFileAtomic: ofFile((path) => writeFileAtomic(path, "new")),
  copyFile: ofFile((path) => copyFile(path, `${path}2`)),
  openTempDir: ofFile(async () => {
    await using _ = await openTempDir();
  }, { alone: () => openTempDir() }),
  openTempFile: ofFile(async () => {
    await using _ = await openTempFile();
  }, { alone: () => openTempFile() }),
  "Temporary.[Symbol.asyncDispose]": recipe({
    open: () => openTempFile(),
    ready: (file) => file[Symbol.asyncDispose](),
    waiting: CLEANUP,
    close: NOBODY,
    slow: true,
    ...cleanup,
  }),
  openFile: ofFile(async (path) => (await openFile(path)).close(), { alone: (path) => openFile(path) }),
  "FileStream.receiveSome": ofOpen((file) => file.receiveSome()),
  "FileStream.receiveInto": ofOpen((file) => file.receiveInto(new Uint8Array(1))),
  "FileStream.[Symbol.asyncIterator]": ofOpen((file) => file[Symbol.asyncIterator]().next()),
  "FileStream.sendAll": ofOpen((file) => file.sendAll(new Uint8Array(1))),
  "FileStream.sendText": ofOpen((file) => file.sendText("a")),
  "FileStream.seek": ofOpen((file) => file.seek(0)),
  "FileStream.size": ofOpen((file) => file.size()),
  "FileStream.sync": ofOpen((file) => file.sync()),
  "FileStream.truncate": ofOpen((file) => file.truncate()),
  "FileStream.[Symbol.asyncDispose]": ofOpen((file) => file[Symbol.asyncDispose](), {
    waiting: CLEANUP,
    close: NOBODY,
    uncancelled: "release",
  }),
  watchFiles: ofFile(async (path) => (await watchFiles(path)).close(), { alone: (path) => watchFiles(path) }),
  "FileWatcher.receive": recipe({ ...watcher, waiting: (made: FileWatcher) => made.receive() }),
  "FileWatcher.[Symbol.asyncIterator]": recipe({
    ...watcher,
    waiting: (made: FileWatcher) => made[Symbol.asyncIterator]().next(),
  }),
  stdinLines: recipe({
    open: () => stdinLines(),
    ready: (lines) => lines.next(),
    waiting: "there is always a line",
    close: NOBODY,
    stdin: input(true),
  }),
  "stdinLines (nothing comes)": recipe({
    open: () => stdinLines(),
    ready: "nothing comes",
    waiting: (lines) => lines.next(),
    close: NOBODY,
    stdin: input(false),
  }),
  "ReceiveStream.receiveSome (stdin)": ofStdin((stdin) => stdin.receiveSome(), true),
  "ReceiveStream.receiveSome (stdin, nothing comes)": ofStdin((stdin) => stdin.receiveSome(), false),
  "ReceiveStream.receiveInto (stdin)": ofStdin((stdin) => stdin.receiveInto(new Uint8Array(1)), true),
  "TerminalSizeWatch.changed": recipe({ ...size, waiting: (made) => made.changed() }),
  "TerminalSizeWatch.[Symbol.asyncIterator]": recipe({
    ...size,
    waiting: (made) => made[Symbol.asyncIterator]().next(),
  }),
  lockFile: ofLock((path) => lockFile(path)),
  tryLockFile: ofLock((path) => tryLockFile(path)),
  runProcess: program.ready,
  "runProcess (a program that goes on)": program.waiting,
  runPipeline: pipeline.ready,
  "runPipeline (a program that goes on)": pipeline.waiting,
  childProcess: child.ready,
  "childProcess (a program that goes on)": child.waiting,
  openProcess: recipe({
    open: nothing,
    ready: () => openProcess("it"),
    waiting: "a program is started at once",
    close: NOBODY,
    processes: processes(true),
  }),
  "Process.wait": ofProcess((process) => process.wait(), {}),
  "Process.wait (a program that goes on)": ofProcess((process) => process.wait(), {
    async open(kit) {
      const process = await openProcess("it");
      kit.defer(() => process.end());
      return process;
    },
    ready: "its process goes on",
    waiting: (process) => process.wait(),
    processes: processes(false),
  }),
  "Process.end": ofProcess((process) => process.end(), cleanup),
  "Process.[Symbol.asyncDispose]": ofProcess((process) => process[Symbol.asyncDispose](), cleanup),
  openWorkers: recipe({
    open: nothing,
    ready: async () => {
      await using _ = await openWorkers(MODULE, { size: 1 });
    },
    alone: () => openWorkers(MODULE, { size: 1 }),
    waiting: "its workers are ready at once",
    close: NOBODY,
    workers: workers(true),
  }),
  "Workers.call": ofWorkers((made) => made.call("f"), true),
  "Workers.call (no answer)": ofWorkers((made) => made.call("f"), false),
  "Workers.stream": ofWorkers((made) => made.stream("g").next(), true),
  "Workers.stream (no answer)": ofWorkers((made) => made.stream("g").next(), false),
  "Workers.close": recipe({
    open: () => openWorkers<Functions>(MODULE, { size: 1 }),
    ready: (made: Workers<Functions>) => made.close(),
    waiting: CLEANUP,
    close: NOBODY,
    workers: workers(true),
    ...cleanup,
  }),
  "Workers.[Symbol.asyncDispose]": recipe({
    open: () => openWorkers<Functions>(MODULE, { size: 1 }),
    ready: (made: Workers<Functions>) => made[Symbol.asyncDispose](),
    waiting: CLEANUP,
    close: NOBODY,
    workers: workers(true),
    ...cleanup,
  }),
  "SignalReceiver.receive": recipe({ ...signals, waiting: (made) => made.receive() }),
  "SignalReceiver.[Symbol.asyncIterator]": recipe({
    ...signals,
    waiting: (made) => made[Symbol.asyncIterator]().next(),
  }),
};
