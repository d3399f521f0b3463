/** Whole files and lines: the hard cases, beside what `files_test.ts` has. */

import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { Cancelled, CancelScope, moveOnAfter, openNursery, run } from "../../core/mod.ts";
import { currentRun } from "../../core/lowlevel.ts";
import { MessageTooLongError, streamFromReadable } from "../../net/mod.ts";
import { memoryStreamPair, simulated } from "../../testing/mod.ts";
import { copyFile } from "./copy_file.ts";
import { openFile } from "./open_file.ts";
import { readFile, readTextFile } from "./read_file.ts";
import { readLines } from "./read_lines.ts";
import { openTempDir, openTempFile } from "./temp.ts";
import { writeFileAtomic } from "./write_file_atomic.ts";

const names = (dir: string) => [...Deno.readDirSync(dir)].map(({ name }) => name).sort();
const modeOf = (path: string) => (Deno.statSync(path).mode as number) & 0o7777;

async function inDir(body: (dir: string) => Promise<unknown>): Promise<void> {
  await using dir = await openTempDir();
  await body(dir.path);
}

Deno.test("F3: a read that never ends is cancelled at once, and the host stops", async () => {
  for (const way of [readFile, readTextFile] as ((path: string) => Promise<unknown>)[]) {
    const outcome = await moveOnAfter(5, () => way("/dev/zero"));
    assert(outcome.cancelledCaught);
  }
});

Deno.test("F3: what is no file, is empty, or is very large, is read to its end as well", () =>
  run(async () => {
    await using dir = await openTempDir();
    assertEquals([await readTextFile("/dev/null"), (await readFile("/dev/null")).length], ["", 0]);
    const path = `${dir.path}/large`;
    using file = await Deno.open(path, { write: true, create: true });
    await file.truncate(65 * 1024 * 1024);
    await file.seek(-3, Deno.SeekMode.End);
    await file.write(new TextEncoder().encode("end"));
    const bytes = await readFile(path);
    assertEquals([bytes.length, new TextDecoder().decode(bytes.subarray(-3))], [65 * 1024 * 1024, "end"]);
    await Deno.writeFile(`${dir.path}/marked`, new Uint8Array([0xef, 0xbb, 0xbf, 65]));
    assertEquals(
      (await readTextFile(`${dir.path}/marked`)).length,
      (await Deno.readTextFile(`${dir.path}/marked`)).length,
    );
    await assertRejects(() => readFile(dir.path), Deno.errors.IsADirectory);
  }, { handleSignals: false }));

Deno.test("F3: in a cancelled scope nothing is begun", () =>
  run(async () => {
    const scope = new CancelScope();
    await scope.run(async () => {
      scope.cancel();
      for (const way of [() => readFile("/x"), () => openTempDir(), () => writeFileAtomic("/x", "")]) {
        await assertRejects(way, Cancelled);
      }
      assertEquals(currentRun().statistics().hostOperations, []);
    });
  }, { handleSignals: false }));

Deno.test("F3: readLines() gives the lines of a file, of an open one, and of any stream, which stay open", () =>
  inDir(async (dir) => {
    await Deno.writeTextFile(`${dir}/x`, "one\r\ntwo\n\nlast");
    const all = ["one", "two", "", "last"];
    assertEquals(await Array.fromAsync(readLines(`${dir}/x`)), all);
    const file = await openFile(`${dir}/x`);
    assertEquals(await Array.fromAsync(readLines(file)), all);
    assertEquals(await file.size(), 14);
    file.close();
    assertEquals(await Array.fromAsync(readLines(streamFromReadable(new Blob(["a\nb"]).stream()))), ["a", "b"]);
    await Deno.writeFile(`${dir}/bad`, new Uint8Array([0xff, 10, 0xc3]));
    assertEquals(await Array.fromAsync(readLines(`${dir}/bad`)), ["\ufffd", "\ufffd"]);
    await Deno.writeTextFile(`${dir}/empty`, "");
    assertEquals(await Array.fromAsync(readLines(`${dir}/empty`)), []);
  }));

Deno.test("F3: readLines() closes the file when its loop is left, by a break, an error or a cancellation", () =>
  inDir(async (dir) => {
    await Deno.writeTextFile(`${dir}/x`, "one\ntwo\n");
    // Each of them would be left open otherwise, which fails the test.
    for await (const line of readLines(`${dir}/x`)) {
      assertEquals(line, "one");
      break;
    }
    await assertRejects(
      async () => {
        for await (const line of readLines(`${dir}/x`)) throw new Error(line);
      },
      Error,
      "one",
    );
    const scope = new CancelScope();
    await scope.run(async () => {
      for await (const _ of readLines(`${dir}/x`)) scope.cancel();
    });
    assert(scope.cancelledCaught);
    const lines = readLines(`${dir}/x`);
    assertEquals(await lines.return!(), { done: true, value: undefined });
    assertEquals(await lines.next(), { done: true, value: undefined });
  }));

Deno.test("F3: a line over max is an error, and closes the file; max counts bytes", () =>
  inDir(async (dir) => {
    await Deno.writeTextFile(`${dir}/x`, "éé\néé!\n");
    const lines = readLines(`${dir}/x`, { max: 4 });
    assertEquals((await lines.next()).value, "éé");
    await assertRejects(() => lines.next(), MessageTooLongError);
    assertEquals((await lines.next()).done, true);
    assertThrows(() => readLines("x", { max: 0.5 }), RangeError, '"max" must be a whole number');
    assertThrows(
      () => readLines(7 as unknown as string),
      TypeError,
      '"source" must be a path or a URL of a file: received 7',
    );
    await assertRejects(() => readLines(`${dir}/none`).next(), Deno.errors.NotFound);
    await assertRejects(() => readLines(dir).next(), Deno.errors.IsADirectory);
  }));

Deno.test("F4: a stream is written to its end, and not closed", () =>
  inDir(async (dir) => {
    const [near, far] = memoryStreamPair();
    await openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        await far.sendText("a".repeat(100_000));
        await far.sendText("b");
        await far.sendEof();
      });
      await writeFileAtomic(`${dir}/x`, near);
    });
    assertEquals(Deno.statSync(`${dir}/x`).size, 100_001);
    await near.sendText("still open");
    near.close();
    far.close();
  }));

Deno.test("F4: a symbolic link stays one, and what it leads to is written, there or not, near or far", () =>
  inDir(async (dir) => {
    Deno.mkdirSync(`${dir}/real`);
    Deno.mkdirSync(`${dir}/links`);
    Deno.writeTextFileSync(`${dir}/real/x`, "old");
    Deno.symlinkSync("../real/x", `${dir}/links/near`);
    Deno.symlinkSync(`${dir}/links/near`, `${dir}/far`);
    Deno.symlinkSync("../real/new", `${dir}/links/dangling`);
    await writeFileAtomic(`${dir}/far`, "new");
    await writeFileAtomic(`${dir}/links/dangling`, "made");
    assertEquals(names(`${dir}/real`), ["new", "x"]);
    assertEquals(Deno.readTextFileSync(`${dir}/real/x`), "new");
    assertEquals(Deno.readTextFileSync(`${dir}/real/new`), "made");
    assert(["far", "links/near", "links/dangling"].every((link) => Deno.lstatSync(`${dir}/${link}`).isSymlink));
  }));

Deno.test("F4: cancelled or failed, the old content is there, and nothing beside it", () =>
  inDir(async (dir) => {
    await Deno.writeTextFile(`${dir}/x`, "old");
    const [near, far] = memoryStreamPair();
    const scope = new CancelScope();
    await openNursery(async (nursery) => {
      nursery.startSoon(() => scope.run(() => writeFileAtomic(`${dir}/x`, near)));
      await far.sendText("half");
      while (names(dir).length < 2) await new Promise<void>((resolve) => void setImmediate(resolve));
      assertEquals(modeOf(`${dir}/${names(dir)[0]}`), 0o600);
      scope.cancel();
    });
    assertEquals([names(dir), Deno.readTextFileSync(`${dir}/x`)], [["x"], "old"]);
    far.close();
    near.close();
    await assertRejects(() => writeFileAtomic(`${dir}/x`, near), Error, "closed");
    assertEquals([names(dir), Deno.readTextFileSync(`${dir}/x`)], [["x"], "old"]);
    const bad = { receiveSome: () => Promise.resolve("text") } as unknown as typeof near;
    await assertRejects(() => writeFileAtomic(`${dir}/x`, bad), TypeError, '"bytes" must be a Uint8Array');
    assertEquals([names(dir), Deno.readTextFileSync(`${dir}/x`)], [["x"], "old"]);
  }));

Deno.test("F4: wherever a write is cancelled, it is done or not at all, and nothing is left", () =>
  inDir(async (dir) => {
    await Deno.writeTextFile(`${dir}/x`, "old");
    const bytes = new Uint8Array(2_000_000).fill(97);
    let [done, undone] = [0, 0];
    for (let turns = 0; turns < 60; turns++) {
      const scope = new CancelScope();
      await openNursery(async (nursery) => {
        nursery.startSoon(() => scope.run(() => writeFileAtomic(`${dir}/x`, bytes)));
        for (let turn = 0; turn < turns; turn++) await new Promise<void>((resolve) => void setImmediate(resolve));
        scope.cancel();
      });
      const { size } = Deno.statSync(`${dir}/x`);
      assert(size === 3 || size === bytes.length, `${size} bytes`);
      if (size === 3) undone++;
      else {
        done++;
        Deno.writeTextFileSync(`${dir}/x`, "old");
      }
      assertEquals(names(dir), ["x"]);
    }
    assert(undone > 0, `${done} of them were done`);
  }));

Deno.test("F4: what is no file is not replaced", () =>
  inDir(async (dir) => {
    Deno.mkdirSync(`${dir}/folder`);
    await new Deno.Command("mkfifo", { args: [`${dir}/fifo`] }).output();
    await assertRejects(() => writeFileAtomic(`${dir}/folder`, ""), Deno.errors.IsADirectory, "it must be a file");
    for (const path of [`${dir}/fifo`, "/dev/null"]) {
      await assertRejects(() => writeFileAtomic(path, ""), TypeError, "it is a device, a pipe or a socket");
    }
    await assertRejects(() => writeFileAtomic(`${dir}/none/x`, ""), Deno.errors.NotFound);
    assertEquals(names(dir), ["fifo", "folder"]);
  }));

Deno.test("F4: a name as long as a name may be can be written", () =>
  inDir(async (dir) => {
    for (const name of ["n".repeat(255), "é".repeat(127)]) {
      await writeFileAtomic(`${dir}/${name}`, "x");
      assertEquals(Deno.readTextFileSync(`${dir}/${name}`), "x");
    }
  }));

Deno.test("F4: bad arguments are refused before anything is made", async () => {
  const data = { wrong: 5 as unknown as string };
  await assertRejects(() => writeFileAtomic("x", data.wrong), TypeError, '"data" must be a string, a Uint8Array or a');
  await assertRejects(() => writeFileAtomic("", ""), TypeError, '"path"');
  await assertRejects(() => writeFileAtomic("x", "", { mode: 0o1000 }), RangeError, '"mode"');
  await assertRejects(() => writeFileAtomic("x", "", { durable: 1 as unknown as boolean }), TypeError, '"durable"');
});

Deno.test("F5: a folder and a file are there for a block, and gone after it, however it is left", async () => {
  const paths: string[] = [];
  for (const how of ["end", "error", "cancel"]) {
    const scope = new CancelScope();
    await scope.run(async () => {
      await using dir = await openTempDir({ prefix: "a", suffix: "b" });
      await using file = await openTempFile({ dir: new URL(`file://${dir.path}`), prefix: "c", suffix: ".d" });
      paths.push(dir.path, file.path);
      assert(/\/a[^/]*b$/.test(dir.path) && /\/c[^/]*\.d$/.test(file.path), file.path);
      assertEquals([modeOf(dir.path), modeOf(file.path)], [0o700, 0o600]);
      await Deno.mkdir(`${dir.path}/deep/er`, { recursive: true });
      if (how === "error") throw new Error(how);
      if (how === "cancel") scope.cancel();
    }).catch((error) => assertEquals(error.message, "error"));
  }
  for (const path of paths) assertThrows(() => Deno.lstatSync(path), Deno.errors.NotFound);
});

Deno.test("F5: a folder that is gone already is well; one that cannot be removed is reported, and not thrown", async () => {
  {
    await using dir = await openTempDir();
    await Deno.remove(dir.path);
  }
  const { error } = console;
  const { remove } = Deno;
  const reported: unknown[] = [];
  Object.assign(console, { error: (...args: unknown[]) => reported.push(...args) });
  let path = "";
  try {
    await using dir = await openTempDir();
    path = dir.path;
    Deno.remove = () => Promise.reject(new Deno.errors.PermissionDenied("no"));
  } finally {
    Object.assign(console, { error });
    Deno.remove = remove;
  }
  assertEquals(reported.length, 1);
  assertStringIncludes((reported[0] as Error).message, `Cannot remove "${path}"`);
  await Deno.remove(path);
});

Deno.test("F5: wherever the making is cancelled, nothing is left by the time that is thrown", () =>
  inDir(async (dir) => {
    for (const make of [openTempDir, openTempFile]) {
      for (let turns = 0; turns < 10; turns++) {
        const scope = new CancelScope();
        await openNursery(async (nursery) => {
          nursery.startSoon(() =>
            scope.run(async () => {
              await using _made = await make({ dir });
            })
          );
          for (let turn = 0; turn < turns; turn++) await new Promise<void>((resolve) => void setImmediate(resolve));
          scope.cancel();
        });
        assertEquals(names(dir), []);
      }
    }
  }));

Deno.test("F5: bad arguments are refused before anything is made", async () => {
  await assertRejects(() => openTempDir({ prefix: "a/b" }), TypeError, '"prefix" must be a part of a name');
  await assertRejects(() => openTempDir({ suffix: 5 as unknown as string }), TypeError, '"suffix" must be a string');
  await assertRejects(() => openTempFile({ dir: "/nowhere/to/be/found" }), Deno.errors.NotFound);
});

Deno.test("F7: a copy has the content and the permissions, and says how far it is, at the end in any case", () =>
  inDir(async (dir) => {
    const bytes = crypto.getRandomValues(new Uint8Array(60_000));
    const big = new Uint8Array(3_000_000).map((_, index) => bytes[index % bytes.length] as number);
    await Deno.writeFile(`${dir}/from`, big, { mode: 0o640 });
    const progress: number[] = [];
    await copyFile(`${dir}/from`, `${dir}/to`, {
      onProgress: ({ bytes, total }) => {
        assertEquals(total, big.length);
        progress.push(bytes);
      },
    });
    assertEquals([await Deno.readFile(`${dir}/to`), modeOf(`${dir}/to`)], [big, modeOf(`${dir}/from`)]);
    assertEquals(progress, [1_048_576, 2_097_152, big.length]);
    const once: number[] = [];
    await Deno.writeTextFile(`${dir}/small`, "x");
    await copyFile(`${dir}/from`, `${dir}/to`, { every: 600_000, onProgress: ({ bytes }) => once.push(bytes) });
    assertEquals(once.splice(0), [big.length]);
    await copyFile(`${dir}/small`, `${dir}/to`, { onProgress: ({ bytes }) => once.push(bytes) });
    assertEquals([once, Deno.readTextFileSync(`${dir}/to`), names(dir)], [[1], "x", ["from", "small", "to"]]);
    await copyFile(`${dir}/to`, `${dir}/to`);
    assertEquals(Deno.readTextFileSync(`${dir}/to`), "x");
  }));

Deno.test("F7: a copy that is cancelled, or whose progress throws, leaves nothing", () =>
  inDir(async (dir) => {
    await Deno.writeFile(`${dir}/from`, new Uint8Array(5_000_000));
    await Deno.writeTextFile(`${dir}/to`, "old");
    const scope = new CancelScope();
    await scope.run(() => copyFile(`${dir}/from`, `${dir}/to`, { onProgress: () => scope.cancel() }));
    assert(scope.cancelledCaught);
    const failing = {
      onProgress: () => {
        throw new Error("full");
      },
    };
    await assertRejects(() => copyFile(`${dir}/from`, `${dir}/to`, failing), Error, "full");
    assertEquals([names(dir), Deno.readTextFileSync(`${dir}/to`)], [["from", "to"], "old"]);
    await assertRejects(() => copyFile(dir, `${dir}/to`), Deno.errors.IsADirectory);
    await assertRejects(() => copyFile(`${dir}/none`, `${dir}/to`), Deno.errors.NotFound);
    await assertRejects(() => copyFile("a", "b", { every: -1 }), RangeError, '"every" must be >= 0');
    await assertRejects(() => copyFile("a", "b", { onProgress: 5 as never }), TypeError, '"onProgress"');
  }));

Deno.test(
  "M5: files are operations of the host in a simulation: time stands still meanwhile",
  simulated(async (sim) => {
    await using dir = await openTempDir();
    const outcome = await moveOnAfter(1, async () => {
      await writeFileAtomic(`${dir.path}/x`, "one\ntwo\n", { durable: true });
      await copyFile(`${dir.path}/x`, `${dir.path}/y`);
      return await Array.fromAsync(readLines(`${dir.path}/y`));
    });
    assertEquals([outcome.value, sim.now], [["one", "two"], 0]);
  }),
);
