/** Runs a program of its own, reads what it prints, and sends it signals. */

import { fromFileUrl } from "../_path.ts";

/** No program runs for longer, in milliseconds. */
const LONGEST = 120_000;

/** A running program. */
export class Program {
  readonly #child: Deno.ChildProcess;
  readonly #text = { stdout: "", stderr: "" };
  readonly #done: Promise<unknown>;
  #changed = () => {};

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#done = Promise.all([this.#read("stdout"), this.#read("stderr")]);
    // So that a program which does not do what is expected of it fails its test, and not the whole run.
    const watchdog = setTimeout(() => child.kill("SIGKILL"), LONGEST);
    child.status.then(() => clearTimeout(watchdog));
  }

  /** Starts a script given as text; it may import the package by its name. */
  static start(script: string, ...args: string[]): Program {
    return Program.#spawn(["run", "--no-lock", "--allow-all", urlOf(script), ...args]);
  }

  /** Starts such a script in a process that can collect its garbage with `gc()`. */
  static startCollecting(script: string, ...args: string[]): Program {
    return Program.#spawn(["run", "--no-lock", "--allow-all", "--v8-flags=--expose-gc", urlOf(script), ...args]);
  }

  /** Starts such a script in a process that may have so many files open, and can collect its garbage with `gc()`. */
  static startLimited(openFiles: number, script: string, ...args: string[]): Program {
    const deno = [Deno.execPath(), "run", "--no-lock", "--allow-all", "--v8-flags=--expose-gc", urlOf(script), ...args];
    return Program.#spawn(["-c", `ulimit -n ${openFiles}; exec "$@"`, "bash", ...deno], "bash");
  }

  /** Starts a file of the repository. */
  static startFile(path: string, ...args: string[]): Program {
    return Program.#spawn(["run", "--no-lock", "--allow-all", pathOf(path), ...args]);
  }

  /** Starts such a script by `deno serve`, on any free port of this machine, which it prints on stderr. */
  static serve(script: string): Program {
    return Program.#spawn(["serve", "--no-lock", "--allow-all", "--host=127.0.0.1", "--port=0", urlOf(script)]);
  }

  /** Starts such a script in a line of the shell, where it is called `"$@"`. */
  static startInShell(line: string, script: string): Program {
    const deno = [Deno.execPath(), "run", "--no-lock", "--allow-all", urlOf(script)];
    return Program.#spawn(["-c", line, "bash", ...deno], "bash");
  }

  /** Starts such a script, which has no permission, with an input to be written. */
  static startPiped(script: string): Program {
    return Program.#spawn(["run", "--no-lock", "--no-prompt", urlOf(script)], Deno.execPath(), "piped");
  }

  /** Starts such a script at a terminal of 100 columns and 30 rows; what is written is typed. */
  static startAtTerminal(script: string): Program {
    return Program.#atTerminal([urlOf(script)]);
  }

  /** Starts a file of the repository at such a terminal. */
  static startFileAtTerminal(path: string, ...args: string[]): Program {
    return Program.#atTerminal([pathOf(path), ...args]);
  }

  static #atTerminal(args: string[]): Program {
    const deno = [Deno.execPath(), "run", "--no-lock", "--allow-all", ...args];
    const line = `printf -v command '%q ' "$@"; exec script -qec "stty rows 30 cols 100; $command" /dev/null`;
    return Program.#spawn(["-c", line, "bash", ...deno], "bash", "piped");
  }

  static #spawn(args: string[], command = Deno.execPath(), stdin: "null" | "piped" = "null"): Program {
    return new Program(
      new Deno.Command(command, {
        args,
        stdin,
        stdout: "piped",
        stderr: "piped",
        env: { NO_COLOR: "1" },
      }).spawn(),
    );
  }

  get pid(): number {
    return this.#child.pid;
  }

  get stdout(): string {
    return this.#text.stdout;
  }

  get stderr(): string {
    return this.#text.stderr;
  }

  /** Waits until the program has printed a text. */
  async prints(text: string, where: "stdout" | "stderr" = "stdout"): Promise<void> {
    let ended = false;
    this.#done.then(() => {
      ended = true;
      this.#changed();
    });
    while (!this.#text[where].includes(text)) {
      if (ended) {
        throw new Error(`The program ended without printing ${JSON.stringify(text)}: ${this.stdout}${this.stderr}`);
      }
      await new Promise<void>((resolve) => this.#changed = resolve);
    }
  }

  signal(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  /** Writes to its input. */
  async write(text: string): Promise<void> {
    const writer = this.#child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(text));
    writer.releaseLock();
  }

  /** Ends its input. */
  async endInput(): Promise<void> {
    await this.#child.stdin.close().catch(() => {});
  }

  /** Ends it at once, if it has not ended. */
  async kill(): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch (error) {
      // It has ended.
      if (!(error instanceof TypeError)) throw error;
    }
    await this.end();
  }

  /** Waits for the end; returns the exit code. */
  async end(): Promise<number> {
    const { code } = await this.#child.status;
    await this.#done;
    return code;
  }

  async #read(where: "stdout" | "stderr"): Promise<void> {
    for await (const chunk of this.#child[where].pipeThrough(new TextDecoderStream())) {
      this.#text[where] += chunk;
      this.#changed();
    }
  }
}

function pathOf(path: string): string {
  return fromFileUrl(new URL(`../../${path}`, import.meta.url));
}

function urlOf(script: string): string {
  const mod = new URL("../../mod.ts", import.meta.url).href;
  return `data:application/typescript,${encodeURIComponent(script.replaceAll("@trefoil/io", mod))}`;
}
