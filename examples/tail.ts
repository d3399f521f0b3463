// deno-lint-ignore-file no-console
/**
 * Prints the last lines of a file, and those that are written to it later, as `tail -F` does: also when the file is
 * replaced by another one, as on rotation, or begins anew.
 *
 * Run it: deno run --allow-read examples/tail.ts server.log [lines]
 */
import { type FileStream, openFile, run, watchFiles } from "@trefoil/io";
import { hostOperation } from "@trefoil/io/lowlevel";

/** How to follow a file. */
export interface TailOptions {
  /** How many of the lines that are there are wanted. */
  readonly lines?: number;
}

/** The last lines of a file, and all later ones, for ever. A file that was removed is waited for. */
export async function* tail(path: string, { lines = 10 }: TailOptions = {}): AsyncGenerator<string> {
  // First this, so that nothing can happen unseen between the two.
  using watcher = await watchFiles(path, { debounce: 10 });
  using follower = new Follower(path);
  const first: string[] = [];
  for await (const line of follower.lines()) {
    first.push(line);
    if (first.length > lines) first.shift();
  }
  yield* first;
  for await (const _ of watcher) yield* follower.lines();
}

/** A file, read up to where it ends now. */
class Follower implements Disposable {
  readonly #path: string;
  #file: FileStream | null = null;
  #id: number | null = null;
  #position = 0;
  /** What was read of a line that goes on. */
  #begun = "";
  #decoder = new TextDecoder();

  constructor(path: string) {
    this.#path = path;
  }

  [Symbol.dispose](): void {
    this.#file?.close();
  }

  /** What has been added since, of the file that was there, and of the one that has taken its place. */
  async *lines(): AsyncGenerator<string> {
    while (true) {
      if (this.#file !== null) yield* this.#rest(this.#file);
      const id = await this.#idNow();
      if (id === null || id === this.#id) return;
      this.#file?.close();
      this.#file = await openFile(this.#path);
      this.#id = id;
      this.#startOver();
    }
  }

  async *#rest(file: FileStream): AsyncGenerator<string> {
    if (await file.size() < this.#position) {
      await file.seek(0);
      this.#startOver();
    }
    for await (const chunk of file) {
      this.#position += chunk.length;
      const lines = (this.#begun + this.#decoder.decode(chunk, { stream: true })).split("\n");
      this.#begun = lines.pop() ?? "";
      yield* lines;
    }
  }

  #startOver(): void {
    this.#position = 0;
    this.#begun = "";
    this.#decoder = new TextDecoder();
  }

  /** Which file has the name now; `null` if none has. */
  async #idNow(): Promise<number | null> {
    try {
      return (await hostOperation("stat", Deno.stat(this.#path))).ino;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return null;
      throw error;
    }
  }
}

if (import.meta.main) {
  const [path, lines = "10"] = Deno.args;
  if (path === undefined) throw new TypeError("Cannot follow a file as its name must be given: tail.ts FILE [LINES]");
  run(async () => {
    for await (const line of tail(path, { lines: Number(lines) })) console.log(line);
  });
}
