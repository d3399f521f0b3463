import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { BusyResourceError, CancelScope, ClosedResourceError, moveOnAfter, openNursery, run } from "../../core/mod.ts";
import { currentRun } from "../../core/lowlevel.ts";
import { simulate } from "../../testing/mod.ts";
import { until } from "../_fixtures/in_time.ts";
import { openTempDir } from "./temp.ts";
import type { FileChanges, FileWatcher } from "./file_watcher.ts";
import { watchFiles, type WatchFilesOptions } from "./watch_files.ts";
import { writeFileAtomic } from "./write_file_atomic.ts";

/** Long enough for a few calls of the host on a busy machine: what is one change must not become two. */
const QUICK: WatchFilesOptions = { debounce: 100 };

/** Runs a test in a folder. */
async function inDir(body: (dir: string) => Promise<unknown>): Promise<void> {
  await using dir = await openTempDir();
  await body(await Deno.realPath(dir.path));
}

/** What is reported until a path is reported so, as a set: nobody says in how many batches it comes. */
async function reportedUntil(watcher: FileWatcher, dir: string, last: string): Promise<string[]> {
  const seen = new Map<string, string>();
  for await (const { changes } of watcher) {
    for (const { path, kind } of changes) seen.set(path.replace(dir, ""), kind);
    if (changes.some(({ path, kind }) => `${kind} ${path.replace(dir, "")}` === last)) break;
  }
  return [...seen].map(([path, kind]) => `${kind} ${path}`).sort();
}

Deno.test("F8: an atomic save is one change of one file, and so is a plain one", () =>
  inDir(async (dir) => {
    await Deno.writeTextFile(`${dir}/a`, "old");
    using watcher = await watchFiles(dir, QUICK);
    for (const save of [() => writeFileAtomic(`${dir}/a`, "new"), () => Deno.writeTextFile(`${dir}/a`, "newer")]) {
      await save();
      assertEquals(await watcher.receive(), { changes: [{ path: `${dir}/a`, kind: "changed" }], rescan: false });
    }
    assertEquals(Deno.inspect(watcher), `FileWatcher { paths: [ "${dir}" ] }`);
  }));

Deno.test("F8: a file that is watched itself survives any number of atomic saves, and being removed", () =>
  inDir(async (dir) => {
    const path = `${dir}/a`;
    await Deno.writeTextFile(path, "0");
    await Deno.writeTextFile(`${dir}/other`, "0");
    using watcher = await watchFiles(path, QUICK);
    const changed: FileChanges = { changes: [{ path, kind: "changed" }], rescan: false };
    for (const content of ["1", "2", "3"]) {
      await writeFileAtomic(path, content);
      await Deno.writeTextFile(`${dir}/other`, content);
      assertEquals(await watcher.receive(), changed);
    }
    await Deno.remove(path);
    assertEquals(await watcher.receive(), { changes: [{ path, kind: "removed" }], rescan: false });
    await Deno.writeTextFile(path, "4");
    assertEquals(await watcher.receive(), changed);
  }));

Deno.test("F8: paths are reported in the form in which they were given", () =>
  inDir(async (dir) => {
    await Deno.mkdir(`${dir}/sub`);
    await Deno.writeTextFile(`${dir}/sub/a`, "0");
    const here = Deno.cwd();
    Deno.chdir(dir);
    try {
      for (const [given, reported] of [["sub", "sub/a"], ["./sub/../sub/", "./sub/../sub/a"], ["sub/a", "sub/a"]]) {
        using watcher = await watchFiles(given!, QUICK);
        await Deno.writeTextFile(`${dir}/sub/a`, given!);
        assertEquals((await watcher.receive()).changes, [{ path: reported!, kind: "changed" }]);
      }
    } finally {
      Deno.chdir(here);
    }
  }));

Deno.test("F8: a new folder is reported to its depth, made here or moved in; a removed one alone", () =>
  inDir(async (dir) => {
    const made = `${dir}/watched`;
    await Deno.mkdir(made);
    using watcher = await watchFiles(new URL(`file://${made}`), QUICK);
    await Deno.mkdir(`${made}/n/m/o`, { recursive: true });
    await Deno.writeTextFile(`${made}/n/m/o/x`, "");
    assertEquals(await reportedUntil(watcher, made, "changed /n/m/o/x"), [
      "changed /n",
      "changed /n/m",
      "changed /n/m/o",
      "changed /n/m/o/x",
    ]);
    await Deno.mkdir(`${dir}/outside/deep`, { recursive: true });
    await Deno.writeTextFile(`${dir}/outside/deep/y`, "");
    await Deno.rename(`${dir}/outside`, `${made}/inside`);
    assertEquals(await reportedUntil(watcher, made, "changed /inside/deep/y"), [
      "changed /inside",
      "changed /inside/deep",
      "changed /inside/deep/y",
    ]);
    await Deno.writeTextFile(`${made}/inside/deep/z`, "");
    assertEquals(await reportedUntil(watcher, made, "changed /inside/deep/z"), ["changed /inside/deep/z"]);
    await Deno.rename(`${made}/inside`, `${dir}/outside`);
    assertEquals(await reportedUntil(watcher, made, "removed /inside"), ["removed /inside"]);
  }));

Deno.test("F8: what is ignored is not reported, nor what is in it", () =>
  inDir(async (dir) => {
    await Deno.mkdir(`${dir}/node_modules/x`, { recursive: true });
    using watcher = await watchFiles(dir, { ...QUICK, ignore: (path) => /\/(node_modules|\.git)$/.test(path) });
    await Deno.writeTextFile(`${dir}/node_modules/x/y`, "");
    await Deno.mkdir(`${dir}/.git`);
    await Deno.writeTextFile(`${dir}/.git/HEAD`, "");
    await Deno.mkdir(`${dir}/new/node_modules/z`, { recursive: true });
    await Deno.writeTextFile(`${dir}/seen`, "");
    assertEquals(await reportedUntil(watcher, dir, "changed /seen"), ["changed /new", "changed /seen"]);
  }));

Deno.test("F8: a root that vanishes is reported, watched for, and reported with its content when it is back", () =>
  inDir(async (dir) => {
    const root = `${dir}/a/b`;
    await Deno.mkdir(root, { recursive: true });
    using watcher = await watchFiles(root, QUICK);
    for (const victim of [root, `${dir}/a`]) {
      await Deno.remove(victim, { recursive: true });
      await reportedUntil(watcher, dir, "removed /a/b");
      await Deno.mkdir(root, { recursive: true });
      await Deno.writeTextFile(`${root}/x`, "");
      assertEquals(await reportedUntil(watcher, dir, "changed /a/b/x"), ["changed /a/b", "changed /a/b/x"]);
      await Deno.writeTextFile(`${root}/y`, "");
      await reportedUntil(watcher, dir, "changed /a/b/y");
    }
    await Deno.rename(root, `${dir}/elsewhere`);
    await reportedUntil(watcher, dir, "removed /a/b");
    await Deno.rename(`${dir}/elsewhere`, root);
    assertEquals(await reportedUntil(watcher, dir, "changed /a/b/y"), [
      "changed /a/b",
      "changed /a/b/x",
      "changed /a/b/y",
    ]);
  }));

Deno.test("F8: a link on the way that is turned elsewhere is a change, as in a Kubernetes volume", () =>
  inDir(async (dir) => {
    // volume/config -> ..data/config, ..data -> ..v1, and ..data is replaced.
    for (const version of ["..v1", "..v2"]) {
      await Deno.mkdir(`${dir}/${version}`);
      await Deno.writeTextFile(`${dir}/${version}/config`, version);
    }
    await Deno.symlink("..v1", `${dir}/..data`);
    await Deno.symlink("..data/config", `${dir}/config`);
    using watcher = await watchFiles(`${dir}/config`, QUICK);
    await Deno.symlink("..v2", `${dir}/..tmp`);
    await Deno.rename(`${dir}/..tmp`, `${dir}/..data`);
    assertEquals((await watcher.receive()).changes, [{ path: `${dir}/config`, kind: "changed" }]);
    assertEquals(await Deno.readTextFile(`${dir}/config`), "..v2");
    // It is watched where it leads now.
    await Deno.writeTextFile(`${dir}/..v2/config`, "again");
    assertEquals((await watcher.receive()).changes, [{ path: `${dir}/config`, kind: "changed" }]);
  }));

Deno.test("F8: a receiver that is slow gets one merged batch, without what has come and gone meanwhile", () =>
  inDir(async (dir) => {
    await Deno.writeTextFile(`${dir}/known`, "");
    using watcher = await watchFiles(dir, QUICK);
    using other = await watchFiles(dir, QUICK);
    for (const name of ["a", "b", "known"]) {
      await Deno.writeTextFile(`${dir}/${name}`, name);
      await reportedUntil(other, dir, `changed /${name}`);
    }
    for (const name of ["a", "known"]) {
      await Deno.remove(`${dir}/${name}`);
      await reportedUntil(other, dir, `removed /${name}`);
    }
    assertEquals(await reportedUntil(watcher, dir, "removed /known"), ["changed /b", "removed /known"]);
  }));

Deno.test("F8: closing one watcher takes nothing from another that overlaps with it, before or after", () =>
  inDir(async (dir) => {
    await Deno.mkdir(`${dir}/a/b`, { recursive: true });
    const outer = await watchFiles(dir, QUICK);
    using inner = await watchFiles(`${dir}/a`, QUICK);
    outer.close();
    using later = await watchFiles(`${dir}/a/b`, QUICK);
    // That something may have been missed in between is said.
    assertEquals(await inner.receive(), { changes: [], rescan: true });
    await Deno.writeTextFile(`${dir}/a/b/x`, "");
    for (const watcher of [inner, later]) await reportedUntil(watcher, dir, "changed /a/b/x");
  }));

Deno.test("F8: a cancelled receive loses no change; one task receives at a time; close() wakes it", () =>
  inDir(async (dir) => {
    const watcher = await watchFiles(dir, QUICK);
    const outcome = await moveOnAfter(1, () => watcher.receive());
    assert(outcome.cancelledCaught);
    await openNursery(async (nursery) => {
      const scope = new CancelScope();
      nursery.startSoon(() => scope.run(() => watcher.receive()));
      await until("it waits", () => currentRun().statistics().hostOperations.some((label) => /^watch/.test(label)));
      await assertRejects(() => watcher.receive(), BusyResourceError, "another task is receiving changes here");
      scope.cancel();
    });
    await Deno.writeTextFile(`${dir}/a`, "");
    assertEquals((await watcher.receive()).changes, [{ path: `${dir}/a`, kind: "changed" }]);
    const receive = watcher.receive();
    watcher.close();
    watcher.close();
    await assertRejects(() => receive, ClosedResourceError, "was closed meanwhile");
    await assertRejects(() => watcher.receive(), ClosedResourceError, "the watcher is closed");
  }));

Deno.test("F8: what is missing is refused, and nothing is watched then; bad arguments as well", () =>
  inDir(async (dir) => {
    await assertRejects(() => watchFiles([dir, `${dir}/none`]), Deno.errors.NotFound, `there is no "${dir}/none"`);
    await Deno.symlink("nothing", `${dir}/dangling`);
    await assertRejects(() => watchFiles(`${dir}/dangling`), Deno.errors.NotFound);
    await assertRejects(() => watchFiles([]), TypeError, "at least one must be named");
    await assertRejects(() => watchFiles(5 as unknown as string), TypeError, '"paths"');
    await assertRejects(() => watchFiles(dir, { debounce: -1 }), RangeError, '"debounce" must be >= 0');
    await assertRejects(() => watchFiles(dir, { ignore: "x" as never }), TypeError, '"ignore" must be a function');
  }));

Deno.test("F8: who may read a folder can watch it, and is not asked for those above; a file needs its own", {
  permissions: { read: ["/tmp"], write: ["/tmp"] },
}, async () => {
  await using dir = await openTempDir({ dir: "/tmp" });
  using watcher = await watchFiles(dir.path, QUICK);
  await Deno.writeTextFile(`${dir.path}/file`, "");
  assertEquals((await watcher.receive()).changes, [{ path: `${dir.path}/file`, kind: "changed" }]);
  // The fault is that of the file itself, as nothing above it was looked at.
  await assertRejects(() => watchFiles("/etc/hosts"), Deno.errors.NotCapable, "/etc/hosts");
});

Deno.test("F8: a watcher that comes too late is closed", () =>
  inDir(async (dir) => {
    for (let turns = 0; turns < 8; turns++) {
      const scope = new CancelScope();
      await openNursery(async (nursery) => {
        nursery.startSoon(() =>
          scope.run(async () => {
            using _watcher = await watchFiles(dir);
          })
        );
        for (let turn = 0; turn < turns; turn++) await new Promise<void>((resolve) => void setImmediate(resolve));
        scope.cancel();
      });
      const isLeft = (label: string) => label.startsWith("watch");
      await until("it is closed", () => !currentRun().statistics().hostOperations.some(isLeft));
    }
  }));

/** Has the host watch no more, as if a table of the system were full. */
async function withFaultyHost(fault: () => Deno.FsWatcher, body: () => Promise<unknown>): Promise<void> {
  const { watchFs } = Deno;
  Deno.watchFs = fault;
  try {
    await body();
  } finally {
    Deno.watchFs = watchFs;
  }
}

Deno.test("F8: a limit of the system is an error that says which one, and what to raise", async () => {
  const full = Object.assign(new Error("No space left on device (os error 28)"), { code: "ENOSPC" });
  for (
    const [cause, message, code] of [
      [full, "raise fs.inotify.max_user_watches", "ENOSPC"],
      [new Error("OS file watch limit reached."), "raise fs.inotify.max_user_watches", "ENOSPC"],
      [Object.assign(new Error("Too many open files"), { code: "EMFILE" }), "max_user_instances", "EMFILE"],
    ] as const
  ) {
    await withFaultyHost(() => {
      throw cause;
    }, async () => {
      const error = await assertRejects(() => watchFiles("/"), Error) as Error & { code?: string };
      assertStringIncludes(error.message, message);
      assertEquals([error.code, error.cause], [code, cause]);
    });
  }
});

Deno.test("F8: a watch that breaks down is an error for whoever receives, after what was found", () =>
  inDir(async (dir) => {
    const broken = new Error("inotify is gone");
    // deno-lint-ignore require-yield -- it breaks down at once
    const iterator = async function* (): AsyncGenerator<Deno.FsEvent> {
      await Promise.resolve();
      throw broken;
    };
    const host = { [Symbol.asyncIterator]: iterator, close() {} } as unknown as Deno.FsWatcher;
    await withFaultyHost(() => host, async () => {
      using watcher = await watchFiles(dir);
      await assertRejects(() => watcher.receive(), Error, "inotify is gone");
    });
  }));

Deno.test("F8: an overflow of the host is said, so that one can look at everything again", () =>
  inDir(async (dir) => {
    const iterator = async function* (): AsyncGenerator<Deno.FsEvent> {
      await Promise.resolve();
      yield { kind: "other", paths: [], flag: "rescan" };
    };
    await withFaultyHost(() => ({ [Symbol.asyncIterator]: iterator, close() {} }) as never, async () => {
      using watcher = await watchFiles(dir, QUICK);
      assertEquals(await watcher.receive(), { changes: [], rescan: true });
    });
  }));

Deno.test("F8: maxDelay reports what never becomes quiet", () =>
  inDir(async (dir) => {
    using watcher = await watchFiles(dir, { debounce: 600_000, maxDelay: 1 });
    await Deno.writeTextFile(`${dir}/a`, "");
    assertEquals(await reportedUntil(watcher, dir, "changed /a"), ["changed /a"]);
  }));

Deno.test("F8: a file that is rewritten atomically 1,000 times misses no final state", () =>
  inDir(async (dir) => {
    const path = `${dir}/state`;
    await writeFileAtomic(path, "0");
    using watcher = await watchFiles(path, { debounce: 5, maxDelay: 20 });
    await openNursery(async (nursery) => {
      const seen = nursery.startSoon(async () => {
        for await (const _ of watcher) {
          if (await Deno.readTextFile(path) === "1000") return true;
        }
      });
      for (let i = 1; i <= 1_000; i++) await writeFileAtomic(path, `${i}`);
      assertEquals(await seen.join(), true);
    });
  }));

Deno.test("M1: in a simulation a watcher is of the host, and time stands still while a task waits for it", () =>
  inDir(async (dir) => {
    await simulate(async (sim) => {
      using watcher = await watchFiles(dir, QUICK);
      await writeFileAtomic(`${dir}/a`, "");
      const outcome = await moveOnAfter(1, () => watcher.receive());
      assertEquals([outcome.value?.changes, sim.now], [[{ path: `${dir}/a`, kind: "changed" }], 0]);
    });
  }));

Deno.test("F8: a run that waits for a change is not deadlocked", () =>
  inDir((dir) =>
    run(async () => {
      using watcher = await watchFiles(dir, QUICK);
      const outcome = await moveOnAfter(30, () => watcher.receive());
      assert(outcome.cancelledCaught);
    }, { handleSignals: false })
  ));
