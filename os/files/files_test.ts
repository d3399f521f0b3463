import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { CancelScope, isCancelled, moveOnAfter, openNursery, shielded } from "../../core/mod.ts";
import { BrokenResourceError } from "../../core/mod.ts";
import { currentRun } from "../../core/lowlevel.ts";
import { until } from "../_fixtures/in_time.ts";
import { simulate } from "../../testing/mod.ts";
import { MessageTooLongError, type ReceiveStream, streamFromReadable } from "../../net/mod.ts";
import {
  copyFile,
  lockFile,
  openTempDir,
  openTempFile,
  readFile,
  readLines,
  readTextFile,
  runProcess,
  tryLockFile,
  writeFileAtomic,
} from "../mod.ts";

const list = (path: string) => Array.from(Deno.readDirSync(path), ({ name }) => name).sort();

/** Runs something in a directory, which must be empty of other files afterwards. */
function inDir(name: string, body: (dir: string) => Promise<void>): void {
  Deno.test(name, async () => {
    await using dir = await openTempDir({ prefix: "trefoil_files_" });
    await body(dir.path);
    assertEquals(list(dir.path).filter((name) => name.endsWith(".tmp")), [], "left behind");
  });
}

/** Everything that writes or reads must refuse in a cancelled scope, before any effect. */
async function cancelled(call: () => Promise<unknown>): Promise<boolean> {
  const scope = new CancelScope();
  scope.cancel();
  return (await scope.run(call)).cancelledCaught;
}

/** A stream that gives its pieces, and then waits for ever, or fails. */
function stream(pieces: readonly string[], end: "ends" | "waits" | "fails"): ReceiveStream {
  const left = pieces.map((text) => new TextEncoder().encode(text));
  return streamFromReadable(
    new ReadableStream({
      pull(controller) {
        const piece = left.shift();
        if (piece !== undefined) return controller.enqueue(piece);
        if (end === "fails") return controller.error(new RangeError("source"));
        return end === "ends" ? controller.close() : new Promise(() => {});
      },
    }),
  );
}

inDir("F3: readFile(), readTextFile() give what is there, and the errors of the host as they are", async (dir) => {
  const path = `${dir}/a.txt`;
  await Deno.writeFile(path, new Uint8Array([104, 105, 0xff]));
  assertEquals(await readFile(path), new Uint8Array([104, 105, 0xff]));
  assertEquals(await readTextFile(new URL(`file://${path}`)), "hi\ufffd");
  await assertRejects(() => readFile(`${dir}/none`), Deno.errors.NotFound);
  await assertRejects(() => readTextFile(dir), Error);
  assert(await cancelled(() => readFile(path)));
  for (const bad of ["", "a\0b", 7, null, new URL("http://x/")]) {
    await assertRejects(() => readFile(bad as string), TypeError, '"path" must be a path or a URL of a file');
  }
});

inDir("F3: a read that is cancelled ends, of a FIFO without a writer as well", async (dir) => {
  const fifo = `${dir}/fifo`;
  await runProcess(["mkfifo", fifo]);
  const outcome = await moveOnAfter(20, async () => {
    for await (const _ of readLines(fifo));
  });
  // The thread that waits for a writer is let go: if not, this test would fail by what it leaves open.
  assert(outcome.cancelledCaught);
  await until("the host lets it go", () => currentRun().statistics().hostOperations.every((it) => !it.includes(fifo)));
});

inDir(
  "F3: readLines() gives the lines of a file and of a stream, and closes the file when the loop is left",
  async (dir) => {
    const path = `${dir}/lines`;
    await Deno.writeTextFile(path, "one\ntwo\r\n\nlast");
    assertEquals(await Array.fromAsync(readLines(path)), ["one", "two", "", "last"]);
    assertEquals(await Array.fromAsync(readLines(stream(["a\nb", "c\n"], "ends"))), ["a", "bc"]);
    for await (const line of readLines(path)) {
      assertEquals(line, "one");
      break;
    }
    await Deno.writeTextFile(path, "x".repeat(100));
    await assertRejects(() => Array.fromAsync(readLines(path, { max: 10 })), MessageTooLongError);
    await assertRejects(() => Array.fromAsync(readLines(`${dir}/none`)), Deno.errors.NotFound);
    assertThrows(() => readLines(path, { max: 0 }), RangeError, '"max"');
    assertThrows(() => readLines(7 as never), TypeError, '"source" must be a path');
  },
);

inDir("F4: writeFileAtomic() replaces the content, keeps the mode, and makes a private file", async (dir) => {
  const path = `${dir}/f`;
  await writeFileAtomic(path, "new");
  assertEquals([await Deno.readTextFile(path), (await Deno.stat(path)).mode! & 0o777], ["new", 0o600]);
  await Deno.chmod(path, 0o640);
  await writeFileAtomic(path, new Uint8Array([65, 66]), { durable: true });
  assertEquals([await Deno.readTextFile(path), (await Deno.stat(path)).mode! & 0o777], ["AB", 0o640]);
  await writeFileAtomic(path, stream(["a", "b", "c"], "ends"), { mode: 0o604 });
  assertEquals([await Deno.readTextFile(path), (await Deno.stat(path)).mode! & 0o777], ["abc", 0o604]);
  await writeFileAtomic(path, "");
  assertEquals((await Deno.stat(path)).size, 0);
});

inDir("F4: a symbolic link stays one, also one that leads to nothing yet", async (dir) => {
  await Deno.mkdir(`${dir}/real`);
  await Deno.writeTextFile(`${dir}/real/f`, "old");
  await Deno.symlink("real/f", `${dir}/link`);
  await Deno.symlink("real/none", `${dir}/dangling`);
  await writeFileAtomic(`${dir}/link`, "new");
  await writeFileAtomic(`${dir}/dangling`, "made");
  assert((await Deno.lstat(`${dir}/link`)).isSymlink && (await Deno.lstat(`${dir}/dangling`)).isSymlink);
  assertEquals([await Deno.readTextFile(`${dir}/real/f`), await Deno.readTextFile(`${dir}/real/none`)], [
    "new",
    "made",
  ]);
  assertEquals(list(`${dir}/real`), ["f", "none"]);
});

inDir("F4: cancelled or failed at any moment, the old content is intact and nothing else is left", async (dir) => {
  const path = `${dir}/f`;
  await Deno.writeTextFile(path, "old");
  await assertRejects(() => writeFileAtomic(path, stream(["part"], "fails")), BrokenResourceError);
  assert((await moveOnAfter(20, () => writeFileAtomic(path, stream(["part"], "waits")))).cancelledCaught);
  assert(await cancelled(() => writeFileAtomic(path, "new")));
  const big = new Uint8Array(4_000_000);
  for (let turns = 0; turns < 40; turns++) {
    const scope = new CancelScope();
    const written = scope.run(() => writeFileAtomic(path, big));
    for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve));
    scope.cancel();
    const { cancelledCaught } = await written;
    const { size } = await Deno.stat(path);
    assert(cancelledCaught ? size === 3 : size === big.length, `${turns} turns: ${cancelledCaught}, ${size}`);
    await Deno.writeTextFile(path, "old");
    assertEquals(list(dir), ["f"], `${turns} turns`);
  }
});

inDir("F4: what cannot be written is an error of the host before anything is changed", async (dir) => {
  await Deno.mkdir(`${dir}/d`);
  await assertRejects(() => writeFileAtomic(`${dir}/d`, "x"), Deno.errors.IsADirectory);
  await assertRejects(() => writeFileAtomic(`${dir}/none/f`, "x"), Deno.errors.NotFound);
  await assertRejects(() => writeFileAtomic(`${dir}/f`, 7 as never), TypeError, '"data" must be');
  await assertRejects(() => writeFileAtomic(`${dir}/f`, "x", { mode: 0o1777 }), RangeError, '"mode"');
  await assertRejects(() => writeFileAtomic(`${dir}/f`, "x", { durable: 1 as never }), TypeError, '"durable"');
  assertEquals(list(dir), ["d"]);
});

inDir("F4: readers see the old content or the new one, and never a part", async (dir) => {
  const path = `${dir}/f`;
  const contents = ["a", "b"].map((char) => char.repeat(300_000));
  await Deno.writeTextFile(path, contents[0]!);
  await openNursery((nursery) => {
    nursery.startSoon(async () => {
      while (true) assert(contents.includes(await readTextFile(path)));
    }, { daemon: true });
    nursery.startSoon(async () => {
      for (let i = 0; i < 50; i++) await writeFileAtomic(path, contents[i % 2]!);
    });
  });
});

Deno.test("F5: openTempDir() and openTempFile() remove what they made, also when cancelled or removed already", async () => {
  let path: string;
  {
    await using dir = await openTempDir();
    path = dir.path;
    await Deno.mkdir(`${path}/a/b`, { recursive: true });
    await Deno.writeTextFile(`${path}/a/b/c`, "x");
  }
  await assertRejects(() => Deno.stat(path), Deno.errors.NotFound);
  {
    await using file = await openTempFile({ suffix: ".json" });
    path = file.path;
    assert(path.endsWith(".json") && (await Deno.stat(path)).isFile);
    await Deno.remove(path);
  }
  const scope = new CancelScope();
  await scope.run(async () => {
    await using dir = await openTempDir();
    path = dir.path;
    scope.cancel();
  });
  await assertRejects(() => Deno.stat(path), Deno.errors.NotFound);
  assert(await cancelled(() => openTempDir()));
  await assertRejects(() => openTempDir({ prefix: 7 as never }), TypeError, '"prefix"');
});

inDir("F6: a lock excludes others, also in this process, until it is given back; shared ones do not", async (dir) => {
  const path = `${dir}/lock`;
  const first = await lockFile(path);
  assertEquals(await tryLockFile(path), null);
  assertEquals(await tryLockFile(path, { exclusive: false }), null);
  let got = false;
  await openNursery(async (nursery) => {
    nursery.startSoon(async () => {
      using _ = await lockFile(path);
      got = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 10));
    assertEquals(got, false);
    first.release();
    first.release();
  });
  assert(got);
  using a = await lockFile(path, { exclusive: false });
  using b = await tryLockFile(path, { exclusive: false });
  assert(a.path === path && b !== null);
  await assertRejects(() => lockFile(dir), Error);
  await assertRejects(() => lockFile(path, { exclusive: 1 as never }), TypeError, '"exclusive"');
});

inDir("F7: copyFile() copies with its mode and its progress, and leaves nothing when it is cancelled", async (dir) => {
  const [from, to] = [`${dir}/from`, `${dir}/to`];
  const bytes = Uint8Array.from({ length: 3_000_000 }, (_, i) => i * 7);
  await Deno.writeFile(from, bytes, { mode: 0o640 });
  await Deno.chmod(from, 0o640);
  const told: number[] = [];
  await copyFile(from, to, { onProgress: ({ bytes, total }) => told.push(bytes / total) });
  assertEquals(await Deno.readFile(to), bytes);
  assertEquals((await Deno.stat(to)).mode! & 0o777, 0o640);
  assert(told.length >= 3 && told.at(-1) === 1 && told.every((part, i) => i === 0 || part >= told[i - 1]!));
  const scope = new CancelScope();
  const outcome = await scope.run(() => copyFile(from, `${dir}/other`, { onProgress: () => scope.cancel() }));
  assert(outcome.cancelledCaught);
  await assertRejects(() => copyFile(`${dir}/none`, to), Deno.errors.NotFound);
  await assertRejects(() => copyFile(from, to, { onProgress: 1 as never }), TypeError, '"onProgress"');
  assertEquals(list(dir), ["from", "to"]);
});

inDir("M5: files are operations of the host: in a simulation time stands still for them", async (dir) => {
  const path = `${dir}/f`;
  const now = await simulate(async (sim) => {
    await writeFileAtomic(path, "x".repeat(2_000_000));
    assertEquals((await readTextFile(path)).length, 2_000_000);
    for await (const _ of readLines(path, { max: 3_000_000 }));
    return sim.now;
  });
  assertEquals(now, 0);
});

Deno.test("files: in a shield they work in a cancelled scope, and outside it nothing is begun", async () => {
  const scope = new CancelScope();
  const errors: unknown[] = [];
  await scope.run(async () => {
    scope.cancel();
    await shielded(async () => {
      await using dir = await openTempDir();
      await writeFileAtomic(`${dir.path}/f`, "x");
    });
    await openTempDir().catch((error) => errors.push(error));
  });
  assert(isCancelled(errors[0]));
});
