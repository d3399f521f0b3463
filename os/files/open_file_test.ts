import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import {
  BrokenResourceError,
  BusyResourceError,
  CancelScope,
  ClosedResourceError,
  moveOnAfter,
  openNursery,
  run,
} from "../../core/mod.ts";
import { currentRun } from "../../core/lowlevel.ts";
import { checkOneWayStream } from "../../testing/mod.ts";
import { until } from "../_fixtures/in_time.ts";
import { FileStreamImpl } from "./_file_stream.ts";
import type { FileStream } from "./file_stream.ts";
import { openFile } from "./open_file.ts";
import { openTempDir } from "./temp.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array | null) => bytes === null ? null : new TextDecoder().decode(bytes);

/** Runs a test with a file that holds a text. */
async function withFile<T>(content: string, body: (path: string, dir: string) => Promise<T>): Promise<T> {
  await using dir = await openTempDir();
  const path = `${dir.path}/file`;
  await Deno.writeTextFile(path, content);
  return await body(path, dir.path);
}

async function withFifo<T>(body: (path: string) => Promise<T>): Promise<T> {
  await using dir = await openTempDir();
  const path = `${dir.path}/fifo`;
  assert((await new Deno.Command("mkfifo", { args: [path] }).output()).success);
  return await body(path);
}

/** A file of the host whose operations end when the test says so. */
class SlowFile {
  readonly calls: string[] = [];
  readonly pending: { resolve(value: unknown): void; reject(error: unknown): void; buffer: Uint8Array }[] = [];
  position = 0;
  closed = 0;
  seeks: (offset: number) => number | Promise<never> = (offset) => this.position += offset;

  #call(name: string, buffer: Uint8Array = new Uint8Array()): Promise<never> {
    this.calls.push(name);
    return new Promise((resolve, reject) => {
      this.pending.push({ resolve: resolve as (value: unknown) => void, reject, buffer });
    });
  }
  read = (buffer: Uint8Array) => this.#call("read", buffer);
  write = (buffer: Uint8Array) => this.#call(`write ${decode(buffer)}`, buffer);
  seek = (offset: number, whence: number) => {
    this.calls.push(`seek ${offset} ${whence}`);
    return Promise.resolve().then(() => this.seeks(offset));
  };
  stat = () => this.#call("stat");
  sync = () => this.#call("sync");
  truncate = () => this.#call("truncate");
  close = () => void this.closed++;

  /** Ends a read with bytes, in the buffer it was given. */
  gives(text: string): void {
    const { resolve, buffer } = this.pending.shift()!;
    buffer.set(encode(text));
    this.position += text.length;
    resolve(text.length);
  }
  takes(size: number): void {
    this.pending.shift()!.resolve(size);
  }
}

async function turns(): Promise<void> {
  for (let i = 0; i < 4; i++) await new Promise<void>((resolve) => void setImmediate(resolve));
}

function over(slow: SlowFile): FileStream {
  return new FileStreamImpl("slow", slow as unknown as Deno.FsFile);
}

/** Begins something, and cancels it once the host was called. */
async function cancelled(body: () => Promise<unknown>): Promise<void> {
  const scope = new CancelScope();
  await openNursery(async (nursery) => {
    nursery.startSoon(() => scope.run(body));
    await turns();
    scope.cancel();
  });
}

Deno.test("F1: a file is read, written, moved in, measured and cut through one position", () =>
  withFile("0123456789", async (path) => {
    using file = await openFile(path, { read: true, write: true });
    assertEquals(file.path, path);
    assertEquals(decode(await file.receiveSome(4)), "0123");
    assertEquals([await file.seek(2, "current"), decode(await file.receiveSome())], [6, "6789"]);
    assertEquals(await file.receiveSome(), null);
    assertEquals(await file.seek(-3, "end"), 7);
    await file.sendText("xyz!");
    assertEquals(await file.size(), 11);
    await file.truncate(3);
    await file.sync();
    assertEquals([await file.size(), await file.seek(0)], [3, 0]);
    const buffer = new Uint8Array(8);
    assertEquals([await file.receiveInto(buffer), decode(buffer.subarray(0, 3))], [3, "012"]);
    await file.truncate();
    assertEquals(await file.size(), 0);
    await assertRejects(() => file.seek(-1, "end"), TypeError, "Invalid argument");
  }));

Deno.test("F1: the end of a file is where it ends now", () =>
  withFile("one", async (path) => {
    using reader = await openFile(path);
    using writer = await openFile(path, { append: true });
    assertEquals([decode(await reader.receiveSome()), await reader.receiveSome()], ["one", null]);
    await writer.sendText("two");
    assertEquals([decode(await reader.receiveSome()), await reader.receiveSome()], ["two", null]);
    const chunks: string[] = [];
    await reader.seek(0);
    for await (const chunk of reader) chunks.push(decode(chunk)!);
    assertEquals(chunks, ["onetwo"]);
  }));

Deno.test("F1: chunks have 256 KiB, and belong to whoever receives them", () =>
  withFile("", async (path) => {
    const all = crypto.getRandomValues(new Uint8Array(60_000));
    const big = new Uint8Array(600_000).map((_, index) => all[index % all.length] as number);
    await Deno.writeFile(path, big);
    using file = await openFile(path);
    const chunks = await Array.fromAsync(file);
    assertEquals(chunks.map(({ length }) => length), [262_144, 262_144, 75_712]);
    chunks[0]!.fill(0, 262_000);
    assertEquals(chunks[1], big.subarray(262_144, 524_288));
  }));

Deno.test("F1: one operation at a time in all, as they share the position", async () => {
  const slow = new SlowFile();
  using file = over(slow);
  const first = file.receiveSome();
  const others = [
    () => file.receiveSome(),
    () => file.sendText("x"),
    () => file.seek(0),
    () => file.size(),
    () => file.sync(),
    () => file.truncate(),
  ];
  for (const other of others) {
    const message = "Cannot use the file as another task is using it: let one task do it";
    await assertRejects(other, BusyResourceError, message);
  }
  slow.gives("abc");
  assertEquals(decode(await first), "abc");
  assertEquals(slow.calls, ["read"]);
});

Deno.test("F1: the bytes of a cancelled receive come first in the next one, whole or in parts", async () => {
  const slow = new SlowFile();
  using file = over(slow);
  await cancelled(() => file.receiveSome());
  const next = file.receiveSome(2);
  slow.gives("abcde");
  assertEquals(decode(await next), "ab");
  const buffer = new Uint8Array(2);
  assertEquals([await file.receiveInto(buffer), decode(buffer)], [2, "cd"]);
  assertEquals(decode(await file.receiveSome()), "e");
  assertEquals(slow.calls, ["read"]);
});

Deno.test("F1: the end that a cancelled receive has met is met again, and its failure comes from the next read", async () => {
  const slow = new SlowFile();
  using file = over(slow);
  await cancelled(() => file.receiveSome());
  const next = file.receiveSome();
  slow.pending.shift()!.resolve(null);
  await turns();
  slow.pending.shift()!.resolve(null);
  assertEquals(await next, null);
  await cancelled(() => file.receiveSome());
  slow.pending.shift()!.reject(new Error("bad disk"));
  const last = file.receiveSome();
  await turns();
  slow.gives("x");
  assertEquals(decode(await last), "x");
});

Deno.test("F1: a write and a seek go on from where the stream is, not from what a cancelled receive has read", async () => {
  const slow = new SlowFile();
  using file = over(slow);
  await cancelled(() => file.receiveSome());
  slow.gives("abcde");
  assertEquals(decode(await file.receiveSome(1)), "a");
  const write = file.sendText("XY");
  await turns();
  assertEquals(slow.calls.slice(1), ["seek -4 1", "write XY"]);
  slow.takes(2);
  await write;
  await cancelled(() => file.receiveSome());
  slow.gives("fgh");
  await turns();
  await file.seek(2, "current");
  assertEquals(slow.calls.at(-1), "seek -1 1");
  // The stash is dropped: the next receive reads.
  const read = file.receiveSome();
  await turns();
  assertEquals(slow.calls.at(-1), "read");
  slow.gives("z");
  assertEquals(decode(await read), "z");
});

Deno.test("F1: what has no position keeps what was read, and is written all the same", async () => {
  const slow = new SlowFile();
  slow.seeks = () => Promise.reject(Object.assign(new Error("Illegal seek"), { code: "ESPIPE" }));
  using file = over(slow);
  await cancelled(() => file.receiveSome());
  slow.gives("abc");
  await turns();
  for (const text of ["X", "Y"]) {
    const write = file.sendText(text);
    await turns();
    slow.takes(1);
    await write;
  }
  assertEquals(slow.calls, ["read", "seek -3 1", "write X", "write Y"]);
  assertEquals(decode(await file.receiveSome()), "abc");
});

Deno.test("F1: a cancelled write completes before anything else begins; what it did not take is never sent", async () => {
  const slow = new SlowFile();
  using file = over(slow);
  await cancelled(() => file.sendText("abcdef"));
  const next = file.sendText("Z");
  await turns();
  assertEquals(slow.calls, ["write abcdef"]);
  slow.takes(3);
  await turns();
  assertEquals(slow.calls, ["write abcdef", "write Z"]);
  slow.takes(1);
  await next;
});

Deno.test("F1: a write that the host takes in parts goes on", async () => {
  const slow = new SlowFile();
  using file = over(slow);
  const write = file.sendText("abcdef");
  for (const size of [1, 2, 3]) {
    await turns();
    slow.takes(size);
  }
  await write;
  assertEquals(slow.calls, ["write abcdef", "write bcdef", "write def"]);
  const none = file.sendText("x");
  await turns();
  slow.takes(0);
  await assertRejects(() => none, RangeError, "must move 1 to 1 bytes");
});

Deno.test("F1: close() never waits: the operation in flight ends as closed, later ones too, and the host is told once", async () => {
  const slow = new SlowFile();
  const file = over(slow);
  const write = file.sendText("abc");
  await turns();
  file.close();
  file.close();
  assertEquals(slow.closed, 1);
  await assertRejects(() => write, ClosedResourceError, "Cannot use the file as it was closed meanwhile");
  await assertRejects(() => file.receiveSome(), ClosedResourceError, "Cannot use the file as it is closed");
  slow.takes(3);
  await turns();
  await over(slow)[Symbol.asyncDispose]();
  over(slow)[Symbol.dispose]();
  assertEquals(slow.closed, 3);
});

Deno.test("F1: a write in flight completes though the file is closed", () =>
  withFile("", async (path) => {
    const bytes = new Uint8Array(8 << 20).fill(7);
    const file = await openFile(path, { write: true });
    const { prototype } = Deno.FsFile;
    const { write: hostWrite } = prototype;
    let landed: Promise<number> | undefined;
    prototype.write = function (part) {
      return landed = hostWrite.call(this, part);
    };
    try {
      const write = file.sendAll(bytes);
      file.close();
      await assertRejects(() => write, ClosedResourceError);
      assertEquals([await landed, (await Deno.stat(path)).size], [bytes.length, bytes.length]);
    } finally {
      prototype.write = hostWrite;
    }
  }));

Deno.test("F1: a buffer on loan that was transferred is an error, and not lost in silence", async () => {
  const slow = new SlowFile();
  using file = over(slow);
  const buffer = new Uint8Array(8);
  const receive = file.receiveInto(buffer);
  await turns();
  structuredClone(buffer.buffer, { transfer: [buffer.buffer] });
  slow.takes(3);
  await assertRejects(() => receive, BrokenResourceError, "it was transferred or resized");
  assert(buffer.length === 0);
});

Deno.test("F1: both directions of a named pipe keep the rules of a stream", (t) =>
  checkOneWayStream(t, async () => {
    // Both are held by what the rule closes; the folder is nobody's business afterwards.
    const dir = await Deno.makeTempDir();
    const path = `${dir}/fifo`;
    await new Deno.Command("mkfifo", { args: [path] }).output();
    const receive = openFile(path);
    const send = await openFile(path, { write: true });
    const pair = [send, await receive] as const;
    await Deno.remove(dir, { recursive: true });
    return pair;
  }, { time: "real", clog: 1 << 20 }));

Deno.test("F1: a receive on a named pipe ends when the file is closed", () =>
  withFifo(async (path) => {
    const file = await openFile(path, { read: true, write: true });
    const receive = file.receiveSome();
    await turns();
    file.close();
    await assertRejects(() => receive, ClosedResourceError, "it was closed meanwhile");
    // Lets the thread of the host go.
    (await Deno.open(path, { read: true, write: true })).close();
  }));

for (const options of [{ read: true }, { write: true }]) {
  const [way] = Object.keys(options);
  // The late file is closed: if not, the test fails.
  Deno.test(`F2: opening a named pipe to ${way}, without a peer, is cancelled at once, and leaves nothing open`, () =>
    withFifo(async (path) => {
      const outcome = await moveOnAfter(5, () => openFile(path, options));
      assert(outcome.cancelledCaught);
      const operations = () => currentRun().statistics().hostOperations.filter((label) => label.includes(path));
      await until("the host lets it go", () => operations().length === 0);
    }));
}

Deno.test("F2: errors of the host pass with their class and code", () =>
  withFile("x", async (path, dir) => {
    await assertRejects(() => openFile(`${dir}/none`), Deno.errors.NotFound, "none");
    await assertRejects(() => openFile(`${path}/below`), Error, "Not a directory");
    await assertRejects(() => openFile(path, { write: true, createNew: true }), Deno.errors.AlreadyExists);
    for (const options of [{ read: true }, { write: true }]) {
      const error = await assertRejects(() => openFile(dir, options), Deno.errors.IsADirectory);
      assertEquals((error as { code?: string }).code, "EISDIR");
    }
    using reader = await openFile(path);
    const error = await assertRejects(() => reader.sendText("x"), Error);
    assertEquals((error as { code?: string }).code, "EBADF");
    // The file goes on.
    assertEquals(decode(await reader.receiveSome()), "x");
  }));

Deno.test("F2: a full disk is the error of one write, and the file goes on", async () => {
  const slow = new SlowFile();
  using file = over(slow);
  const full = Object.assign(new Error("No space left on device"), { code: "ENOSPC" });
  const write = assertRejects(() => file.sendText("x"), Error);
  await turns();
  slow.pending.shift()!.reject(full);
  assertEquals(await write, full);
  const next = file.receiveSome(3);
  await turns();
  slow.gives("abc");
  assertEquals(decode(await next), "abc");
});

Deno.test("F2: a removed file is read to its end; a link to nothing is not found, and one in a circle says so", () =>
  withFile("still here", async (path, dir) => {
    using file = await openFile(path);
    await Deno.remove(path);
    assertEquals(decode(await file.receiveSome()), "still here");
    await Deno.symlink(`${dir}/nothing`, `${dir}/dangling`);
    await assertRejects(() => openFile(`${dir}/dangling`), Deno.errors.NotFound);
    await Deno.symlink(`${dir}/circle`, `${dir}/circle`);
    await assertRejects(() => openFile(`${dir}/circle`), Deno.errors.FilesystemLoop);
  }));

Deno.test("F2: without permission it says which one is missing", {
  permissions: { read: true, write: false, run: false },
}, async () => {
  await assertRejects(() => openFile("/tmp/x", { write: true, create: true }), Deno.errors.NotCapable, "--allow-write");
});

Deno.test("openFile() makes files with the permissions it is given, and takes the URL of a file", () =>
  withFile("", async (_path, dir) => {
    using _file = await openFile(new URL(`file://${dir}/a%20b`), { write: true, create: true, mode: 0o600 });
    assertEquals((await Deno.stat(`${dir}/a b`)).mode! & 0o777, 0o600);
  }));

Deno.test("openFile() refuses what it cannot do before it opens anything", async () => {
  const refused: [unknown, unknown, string][] = [
    [1, {}, '"path" must be a path or a URL of a file: received 1'],
    ["", {}, '"path" must be a path or a URL of a file: received ""'],
    ["a\0b", {}, '"path" must be a path or a URL of a file: received'],
    [new URL("file:///a%00b"), {}, '"path" must be a path or a URL of a file: received file:///a%00b'],
    ["x", 5, '"options" must be an object: received 5'],
    ["x", { read: "yes" }, '"read" must be true or false: received "yes"'],
    ["x", { read: false }, 'one of "read", "write" and "append" must be true: received none'],
    ["x", { create: true }, 'Cannot open a file with "create" as "write" or "append" must be true: received neither'],
    ["x", { append: true, truncate: true }, '"truncate" as "append" must not be true: use "write"'],
    ["x", { write: true, mode: 0o600 }, 'with "mode" as "create" or "createNew" must be true'],
  ];
  for (const [path, options, message] of refused) {
    const error = await assertRejects(() => openFile(path as string, options as { read?: boolean }), TypeError);
    assertStringIncludes(error.message, message);
  }
  await assertRejects(
    () => openFile("x", { write: true, create: true, mode: -1 }),
    RangeError,
    '"mode" must be a whole',
  );
});

Deno.test("FileStream refuses bad arguments before it does anything", async () => {
  const slow = new SlowFile();
  using file = over(slow);
  await assertRejects(() => file.seek(0.5), RangeError, '"offset" must be a whole number');
  await assertRejects(() => file.seek(-1), RangeError, '"offset" must be a whole number from 0');
  await assertRejects(() => file.seek(0, "middle" as "end"), TypeError, '"from" must be "start", "current" or "end"');
  await assertRejects(() => file.truncate(-1), RangeError, '"size" must be a whole number');
  await assertRejects(() => file.sendAll("x" as unknown as Uint8Array), TypeError);
  await assertRejects(() => file.receiveInto(new Uint8Array()), RangeError);
  await assertRejects(() => file.receiveSome(0), RangeError);
  assertEquals(slow.calls, []);
});

Deno.test("F1: a task that uses a file is shown with it, and its operation is one of the host", () =>
  run(async () => {
    const slow = new SlowFile();
    using file = over(slow);
    await openNursery(async (nursery) => {
      const task = nursery.startSoon(() => file.receiveSome());
      await turns();
      assertStringIncludes(`${currentRun().taskTree()}`, "use file slow");
      assertEquals(currentRun().statistics().hostOperations, ["read slow"]);
      assertEquals(task.state, "running");
      nursery.cancel();
    });
    assertEquals(Deno.inspect(file), 'FileStream { path: "slow" }');
  }, { handleSignals: false }));
