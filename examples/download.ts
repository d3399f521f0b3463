// deno-lint-ignore-file no-console
/**
 * Downloads files, three at a time, with a progress bar; or with plain lines, if the output is not a terminal.
 *
 * A file that is not complete is called NAME.part: under its own name there is never half a file, also after Ctrl-C or
 * a crash. The next call goes on where the last one ended, if the file on the server is still the same: the server is
 * asked by its ETag, which NAME.part.etag keeps, or by its date, which is that of the part.
 *
 * Run it: deno run --allow-net --allow-read --allow-write examples/download.ts [--to FOLDER] [URL ...]
 * Without a URL it downloads three files from a slow server of its own, into a temporary folder.
 *
 * Over 400 lines, as an example is one file that can be copied.
 */
import { currentTime, failAfter, fetch, forEach, race, retry, run, shielded, sleep, TooSlowError } from "@trefoil/io";
import { hostOperation } from "@trefoil/io/lowlevel";

/** Why a download failed. */
export class DownloadError extends Error {
  override readonly name = "DownloadError";

  constructor(message: string, readonly canRetry: boolean) {
    super(message);
  }
}

/** How to download. */
export interface DownloadOptions {
  /** How many files at the same time. */
  readonly concurrency?: number;
  /** How often to try each file in all, each time from where the last attempt ended. */
  readonly attempts?: number;
  /** How long the server may be silent, in milliseconds. */
  readonly patience?: number;
  /** Told of everything. */
  readonly progress?: Progress;
}

/** Downloads every URL into a folder. The first one that fails for good ends the others, whose parts are kept. */
export async function download(
  urls: readonly string[],
  folder: string,
  { concurrency = 3, attempts = 5, patience = 30_000, progress = new Progress() }: DownloadOptions = {},
): Promise<void> {
  const files = urls.map((url) => new Download(url, folder, progress.add(nameOf(url))));
  const names = new Set(files.map((file) => file.path));
  if (names.size < files.length) {
    throw new DownloadError(`Cannot download as the names of the files must differ: ${[...names].join(", ")}`, false);
  }
  await forEach(files, (file) =>
    retry(() => file.attempt(patience), {
      attempts,
      backoff: { initial: 500 },
      retryIf: (error) =>
        error instanceof TooSlowError || error instanceof TypeError ||
        (error instanceof DownloadError && error.canRetry),
    }), { concurrency });
}

/** The last part of a URL's path, as a name that is safe in a folder. */
function nameOf(url: string): string {
  const last = decodeURIComponent(new URL(url).pathname.split("/").at(-1)!);
  return last.replace(/[/\\:\p{Cc}]/gu, "_").replace(/^\.*$/, "download");
}

/** One file. */
class Download {
  readonly path: string;
  readonly #url: string;
  readonly #part: string;
  /** The file with the ETag of what the part is a part of, if it has one. Written before the first byte of the part. */
  readonly #tag: string;
  readonly #count: Count;

  constructor(url: string, folder: string, count: Count) {
    this.#url = url;
    this.#count = count;
    this.path = `${folder}/${count.name}`;
    this.#part = `${this.path}.part`;
    this.#tag = `${this.#part}.etag`;
  }

  /** Gets what is missing. What an attempt has received stays, however it ends. */
  async attempt(patience: number): Promise<void> {
    if (await statOf(this.path) !== null) return this.#count.end("is there already");
    const part = await this.#partThere();
    const response = await failAfter(patience, () => fetch(this.#url, { headers: headersFor(part) }));
    const reader = (response.body ?? new Blob().stream()).getReader();
    try {
      await this.#check(response, part);
      const size = await this.#receive(response, reader, { have: part?.size ?? 0, patience });
      if (size !== null && this.#count.done !== size) {
        throw new DownloadError(
          `Cannot complete ${this.path} as it must have ${size} bytes: ${this.#count.done}`,
          true,
        );
      }
    } finally {
      // Closes the connection, if there is more to come, and does nothing otherwise.
      reader.cancel().catch(() => {});
    }
    await hostOperation("rename", Deno.rename(this.#part, this.path));
    await removeIfThere(this.#tag);
    this.#count.end("is complete");
  }

  async #partThere(): Promise<Part | null> {
    const info = await statOf(this.#part);
    if (info === null) return null;
    const date = info.mtime === null || info.mtime.getTime() === 0 ? null : info.mtime.toUTCString();
    return { size: info.size, validator: await textOf(this.#tag) ?? date };
  }

  async #check({ status, headers }: Response, part: Part | null): Promise<void> {
    if (status === 200) return;
    // A server that does not know If-Range gives the rest of another file.
    const isSame = part === null || part.validator === validatorOf(headers);
    if (status === 206 && isSame) return;
    // 416: there is no rest to be had. What is there is not trusted: it begins anew.
    if (status === 416 || status === 206) await removeIfThere(this.#part);
    if (status === 206) throw new DownloadError(`Cannot go on with ${this.path} as its file has changed`, true);
    throw new DownloadError(
      `Cannot download ${this.#url} as the answer must be 200 or 206: ${status}`,
      mayPass(status),
    );
  }

  /** Writes what comes to the part; returns how large the whole file should be. */
  async #receive(
    response: Response,
    reader: ReadableStreamDefaultReader<Uint8Array>,
    { have, patience }: { have: number; patience: number },
  ): Promise<number | null> {
    const { from, size } = extent(response, have);
    this.#count.begin(from, size);
    const file = await hostOperation(
      "open",
      Deno.open(this.#part, { write: true, create: true, truncate: from === 0 }),
    );
    const validator = validatorOf(response.headers);
    try {
      if (from === 0) {
        if (validator?.startsWith('"')) await hostOperation("write", Deno.writeTextFile(this.#tag, validator));
        else await removeIfThere(this.#tag);
      }
      await file.seek(from, Deno.SeekMode.Start);
      while (true) {
        const { done, value } = await failAfter(patience, () => reader.read());
        if (done) return size;
        await hostOperation("write", writeAll(file, value));
        this.#count.add(value.length);
      }
    } finally {
      // Without a wait, so that it is done also when cancelled. The part gets the date of what it is a part of: by that
      // the server can tell, next time, whether it is still the same file. See headersFor().
      const modified = Date.parse(validator ?? "");
      file.utimeSync(0, Number.isNaN(modified) ? 0 : modified / 1_000);
      file.close();
    }
  }
}

/** What an earlier attempt has left. */
interface Part {
  readonly size: number;
  /** By what the server can tell whether its file is still the same; `null` if nothing is known. */
  readonly validator: string | null;
}

/** Asks for the rest of a part, on condition that the file has not changed since. */
function headersFor(part: Part | null): Record<string, string> {
  // Compressed on the way, the bytes could not be counted.
  const headers = { "accept-encoding": "identity" };
  if (part === null || part.size === 0 || part.validator === null) return headers;
  return { ...headers, "range": `bytes=${part.size}-`, "if-range": part.validator };
}

/**
 * What tells one version of a file from every other (RFC 9110, section 8.8): a strong ETag, or else the date of its
 * last change, unless that may have been in this very second, as then it may change again in it.
 */
function validatorOf(headers: Headers): string | null {
  const tag = headers.get("etag");
  if (tag?.startsWith('"')) return tag;
  const modified = Date.parse(headers.get("last-modified") ?? "");
  if (Number.isNaN(modified)) return null;
  const age = Date.parse(headers.get("date") ?? "") - modified;
  return age >= 0 && age < 1_000 ? null : new Date(modified).toUTCString();
}

/** Where an answer begins, and how large the whole file is, if the server says so. */
function extent({ status, headers }: Response, asked: number): { from: number; size: number | null } {
  if (status === 200) {
    const length = headers.get("content-length");
    return { from: 0, size: length === null ? null : Number(length) };
  }
  const range = headers.get("content-range") ?? "";
  const [, from, size] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(range) ?? [];
  if (Number(from) !== asked) {
    throw new DownloadError(`Cannot go on as the answer must begin at byte ${asked}: "${range}"`, false);
  }
  return { from: asked, size: size === "*" ? null : Number(size) };
}

function mayPass(status: number): boolean {
  return status >= 500 || [408, 416, 429].includes(status);
}

async function statOf(path: string): Promise<Deno.FileInfo | null> {
  try {
    return await hostOperation("stat", Deno.stat(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/** What is in a file; `null` if there is none. */
async function textOf(path: string): Promise<string | null> {
  return await statOf(path) === null ? null : await hostOperation("read", Deno.readTextFile(path));
}

async function removeIfThere(path: string): Promise<void> {
  if (await statOf(path) !== null) await hostOperation("remove", Deno.remove(path));
}

async function writeAll(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
}

/** How far one file is. */
class Count {
  done = 0;
  size: number | null = null;
  ended = false;
  readonly #progress: Progress;

  constructor(readonly name: string, progress: Progress) {
    this.#progress = progress;
  }

  begin(from: number, size: number | null): void {
    this.#progress.skipped += from - this.done;
    this.done = from;
    this.size = size;
  }

  add(bytes: number): void {
    this.done += bytes;
  }

  end(how: string): void {
    this.ended = true;
    this.#progress.print(`${this.name} ${how}${this.size === null ? "" : `: ${formatBytes(this.size)}`}`);
  }
}

/** How far all files are, as a line of text. */
export class Progress {
  /** Bytes that are done without having come now: those of earlier calls, less those that come once more. */
  skipped = 0;
  readonly #counts: Count[] = [];
  /** The last few seconds: when, and how many bytes had come by then. */
  readonly #past: { time: number; bytes: number }[] = [];
  readonly #log: (line: string) => void;

  /** Where a line about a file goes. */
  constructor(log: (line: string) => void = () => {}) {
    this.#log = log;
  }

  add(name: string): Count {
    if (this.#past.length === 0) this.#past.push({ time: currentTime(), bytes: 0 });
    const count = new Count(name, this);
    this.#counts.push(count);
    return count;
  }

  print(line: string): void {
    this.#log(line);
  }

  /** The line. To be called now and then: the rate is that since the call of three seconds ago. */
  line(): string {
    const done = this.#counts.reduce((sum, count) => sum + count.done, 0);
    const sizes = this.#counts.map(({ size, ended }) => size ?? (ended ? 0 : null));
    const size = sizes.includes(null) ? null : sizes.reduce((sum, size) => sum! + size!, 0);
    const rate = this.#rate(done - this.skipped);
    const parts = [
      size === null
        ? formatBytes(done)
        : `${bar(done / Math.max(1, size))} ${formatBytes(done)} of ${formatBytes(size)}`,
      `${formatBytes(rate)}/s`,
    ];
    if (size !== null && size > done && rate > 0) parts.push(`ETA ${formatSeconds((size - done) / rate)}`);
    parts.push(`${this.#counts.filter((count) => count.ended).length} of ${this.#counts.length} files`);
    return parts.join("  ");
  }

  /** Bytes per second. */
  #rate(bytes: number): number {
    const time = currentTime();
    this.#past.push({ time, bytes });
    while (this.#past.length > 2 && this.#past[1]!.time <= time - 3_000) this.#past.shift();
    const [oldest] = this.#past;
    return time > oldest!.time ? (bytes - oldest!.bytes) * 1_000 / (time - oldest!.time) : 0;
  }
}

function bar(part: number): string {
  const width = 24;
  const full = Math.min(width, Math.floor(part * width));
  return `[${"#".repeat(full)}${"-".repeat(width - full)}] ${String(Math.floor(part * 100)).padStart(3)}%`;
}

function formatBytes(bytes: number): string {
  if (bytes < 1_000) return `${Math.round(bytes)} B`;
  const [divisor, unit] = bytes < 999_950 ? [1e3, "kB"] : bytes < 999_950_000 ? [1e6, "MB"] : [1e9, "GB"];
  return `${(bytes / divisor).toFixed(1)} ${unit}`;
}

function formatSeconds(seconds: number): string {
  const whole = Math.ceil(seconds);
  const [h, m, s] = [Math.floor(whole / 3_600), Math.floor(whole / 60) % 60, whole % 60];
  return h > 0
    ? `${h}:${String(m).padStart(2, "0")}:${String(s).padStart(2, "0")}`
    : `${m}:${String(s).padStart(2, "0")}`;
}

/** Where the progress is shown. */
export interface Display {
  readonly isTerminal: boolean;
  /** Columns of the terminal. */
  readonly width: number;
  write(text: string): void;
}

/**
 * Downloads, and shows how far it is: four times a second in place on a terminal, otherwise a line every five seconds.
 */
export async function downloadWithBar(
  urls: readonly string[],
  folder: string,
  { isTerminal, width, write }: Display,
): Promise<void> {
  // On a terminal, the bar is the last line, without a line feed: whatever else is printed takes its place.
  const [before, after] = isTerminal ? ["\r\x1b[K", ""] : ["", "\n"];
  const progress = new Progress((line) => write(`${before}${line}\n`));
  const show = () => write(before + progress.line().slice(0, isTerminal ? width - 1 : undefined) + after);
  try {
    // Whichever ends first ends the other, and the download's error comes out as it is.
    await race([() => download(urls, folder, { progress }), keepShowing]);
  } finally {
    show();
    if (isTerminal) write("\n");
  }

  async function keepShowing(): Promise<never> {
    while (true) {
      await sleep(isTerminal ? 250 : 5_000);
      show();
    }
  }
}

/** A server of three files of some MB each, slow, which knows ranges. */
export function slowSite(): (request: Request) => Response {
  const modified = new Date(2026, 0, 1).toUTCString();
  return (request) => {
    const size = 1_000_000 * Number(/^\/file(\d)\.bin$/.exec(new URL(request.url).pathname)?.[1] ?? 0);
    if (size === 0) return new Response("There is no such file", { status: 404 });
    const range = request.headers.get("if-range") === modified && /^bytes=(\d+)-$/.exec(request.headers.get("range")!);
    let at = range ? Number(range[1]) : 0;
    const headers: Record<string, string> = { "last-modified": modified, "content-length": String(size - at) };
    if (range) headers["content-range"] = `bytes ${at}-${size - 1}/${size}`;
    const body = new ReadableStream<Uint8Array>({
      async pull(controller) {
        if (at > 0) await sleep(20);
        const chunk = Uint8Array.from({ length: Math.min(20_000, size - at) }, (_, i) => (at + i) % 251);
        controller.enqueue(chunk);
        at += chunk.length;
        if (at === size) controller.close();
      },
    }, { highWaterMark: 0 });
    return new Response(body, { status: range ? 206 : 200, headers });
  };
}

if (import.meta.main) {
  const display = {
    isTerminal: Deno.stdout.isTerminal(),
    width: Deno.stdout.isTerminal() ? Deno.consoleSize().columns : 80,
    write: (text: string) => void Deno.stdout.writeSync(new TextEncoder().encode(text)),
  };
  const args = [...Deno.args];
  const to = args[0] === "--to" ? args.splice(0, 2)[1] : undefined;
  run(async () => {
    if (args.length > 0) {
      try {
        return await downloadWithBar(args, to ?? ".", display);
      } catch (error) {
        if (!(error instanceof DownloadError)) throw error;
        console.error(error.message);
        Deno.exitCode = 1;
        return;
      }
    }
    const folder = to ?? await Deno.makeTempDir();
    console.log(`into ${folder}`);
    const site = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, slowSite());
    const urls = [1, 2, 3].map((n) => `http://127.0.0.1:${site.addr.port}/file${n}.bin`);
    try {
      await downloadWithBar(urls, folder, display);
    } finally {
      await shielded(() => site.shutdown(), { timeout: 1_000 });
    }
  });
}
