import { assert, assertEquals, assertRejects } from "@std/assert";
import { CancelScope, moveOnAfter, openNursery } from "../../core/mod.ts";
import { currentRun } from "../../core/lowlevel.ts";
import { until } from "../_fixtures/in_time.ts";
import { lockFile, tryLockFile } from "./lock_file.ts";
import { openTempDir } from "./temp.ts";
import { writeFileAtomic } from "./write_file_atomic.ts";
import { openProcess } from "../process/open_process.ts";

/** A lock that nobody waits for any more comes when the system likes, and is an operation until then. */
const noneIsLeft = () =>
  until(
    "the late lock is given back",
    () => !currentRun().statistics().hostOperations.some((label) => /lock/.test(label)),
  );

const turn = () => new Promise<void>((resolve) => void setImmediate(resolve));

async function inDir(body: (path: string) => Promise<unknown>): Promise<void> {
  await using dir = await openTempDir();
  await body(`${dir.path}/lock`);
}

Deno.test("F6: one task has the lock at a time, and the next gets it when it is released", () =>
  inDir(async (path) => {
    const log: string[] = [];
    await openNursery((nursery) => {
      for (const name of ["a", "b", "c"]) {
        nursery.startSoon(async () => {
          using lock = await lockFile(path);
          assertEquals(lock.path, path);
          log.push(`${name} has it`);
          for (let i = 0; i < 5; i++) await turn();
          log.push(`${name} releases it`);
        });
      }
    });
    for (let i = 0; i < 6; i += 2) assertEquals(log[i]?.[0], log[i + 1]?.[0]);
  }));

Deno.test("F6: locks that are not exclusive are held together, and keep an exclusive one out", () =>
  inDir(async (path) => {
    const shared = [await lockFile(path, { exclusive: false }), await tryLockFile(path, { exclusive: false })];
    assertEquals(await tryLockFile(path), null);
    for (const lock of shared) {
      lock!.release();
      lock!.release();
    }
    using lock = await tryLockFile(path);
    assertEquals(await tryLockFile(path, { exclusive: false }), null);
    assertEquals(Deno.inspect(lock), `FileLock { path: "${path}" }`);
  }));

Deno.test("F6: a lock that comes after its wait was cancelled is given back; one can be tried meanwhile", () =>
  inDir(async (path) => {
    const first = await lockFile(path);
    const scope = new CancelScope();
    await openNursery(async (nursery) => {
      nursery.startSoon(() => scope.run(() => lockFile(path)));
      for (let i = 0; i < 20; i++) await turn();
      assertEquals(await tryLockFile(path), null);
      scope.cancel();
    });
    assert(scope.cancelledCaught);
    first.release();
    // The late one may come before it, or after it.
    (await lockFile(path)).release();
    await noneIsLeft();
  }));

Deno.test("F6: another program is kept out, and its lock goes with it", () =>
  inDir(async (path) => {
    const flock = await openProcess(["flock", "--no-fork", path, "sh", "-c", "echo locked; exec sleep 600"], {
      stdout: "pipe",
    });
    await flock.stdout!.receiveSome();
    assertEquals(await tryLockFile(path), null);
    assert((await moveOnAfter(5, () => lockFile(path))).cancelledCaught);
    await flock.end();
    flock.stdout!.close();
    (await lockFile(path)).release();
    await noneIsLeft();
  }));

Deno.test("F6: who waits for a file that was replaced meanwhile gets the lock that others see", () =>
  inDir(async (path) => {
    const first = await lockFile(path);
    await openNursery(async (nursery) => {
      const second = nursery.startSoon(() => lockFile(path));
      for (let i = 0; i < 20; i++) await turn();
      await writeFileAtomic(path, "");
      first.release();
      using _lock = await second.join();
      assertEquals(await tryLockFile(path), null);
    });
    const third = await lockFile(path);
    await openNursery(async (nursery) => {
      const fourth = nursery.startSoon(() => lockFile(path));
      for (let i = 0; i < 20; i++) await turn();
      await Deno.remove(path);
      third.release();
      using _lock = await fourth.join();
      assertEquals(await tryLockFile(path), null);
    });
  }));

Deno.test("F6: what cannot be locked is refused", async () => {
  await inDir(async (path) => {
    const dir = path.replace(/\/lock$/, "");
    await assertRejects(() => lockFile(dir), Deno.errors.IsADirectory, "is a folder");
    await assertRejects(() => tryLockFile(`${dir}/none/lock`), Deno.errors.NotFound);
    await assertRejects(() => lockFile(path, { exclusive: "yes" as unknown as boolean }), TypeError, '"exclusive"');
    await assertRejects(() => tryLockFile(5 as unknown as string), TypeError, '"path"');
    assertEquals([...Deno.readDirSync(dir)], []);
  });
});
