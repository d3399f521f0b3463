/** Recipes for what os exports: over processes in memory, which exit at once, or when they are killed. */

import { childProcess, openProcess, openSignals, type Process, runProcess } from "../../mod.ts";
import {
  copyFile,
  lockFile,
  openTempDir,
  openTempFile,
  readFile,
  readLines,
  readTextFile,
  runPipeline,
  tryLockFile,
  writeFileAtomic,
} from "../../os/mod.ts";
import type { HostProcess, ProcessHost, ProcessStatus } from "../../core/lowlevel.ts";
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

/** What does something with a file, which takes the host a moment. */
function ofFile(way: (path: string) => unknown, more: Partial<Recipe<string>> = {}): AnyRecipe {
  return recipe<string>({
    open(kit) {
      const dir = Deno.makeTempDirSync({ prefix: "trefoil_laws_" });
      Deno.writeTextFileSync(`${dir}/f`, "a\nb\n");
      kit.use({ close: () => Deno.removeSync(dir, { recursive: true }) });
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
  "SignalReceiver.receive": recipe({ ...signals, waiting: (made) => made.receive() }),
  "SignalReceiver.[Symbol.asyncIterator]": recipe({
    ...signals,
    waiting: (made) => made[Symbol.asyncIterator]().next(),
  }),
};
