/** Processes in memory, for tests: each does what its script says, in the time of the run. */

import type {
  HostProcess,
  HostProcessInput,
  HostProcessOutput,
  ProcessHost,
  ProcessSpawnOptions,
  ProcessStatus,
} from "../../core/lowlevel.ts";
import { memoryStreamPair } from "../../testing/mod.ts";

/** One process. */
export class FakeProcess implements HostProcess {
  readonly pid: number;
  readonly options: ProcessSpawnOptions;
  readonly stdin: HostProcessInput | null;
  readonly stdout: HostProcessOutput | null;
  readonly stderr: HostProcessOutput | null;
  readonly status: Promise<ProcessStatus>;
  /** The signals it got, in order. */
  readonly signals: string[] = [];
  /** What it does about a signal; by default it ends. */
  onSignal: (signal: string) => void = (signal) => this.exit(null, signal);
  /** The other ends of its pipes. */
  readonly ends = { stdin: memoryStreamPair(), stdout: memoryStreamPair(), stderr: memoryStreamPair() };
  unrefs = 0;
  #exit!: (status: ProcessStatus) => void;
  #gone = false;

  constructor(pid: number, options: ProcessSpawnOptions) {
    this.pid = pid;
    this.options = options;
    const { stdin, stdout, stderr } = this.ends;
    this.stdin = options.stdin === "piped" ? stdin[0] : null;
    this.stdout = options.stdout === "piped" ? stdout[0] : null;
    this.stderr = options.stderr === "piped" ? stderr[0] : null;
    this.status = new Promise((resolve) => this.#exit = resolve);
  }

  kill(signal: string): void {
    if (this.#gone) throw new TypeError("Child process has already terminated");
    this.signals.push(signal);
    this.onSignal(signal);
  }

  /** It exits; its pipes stay open for whoever else holds them. */
  exit(code: number | null, signal: string | null = null): void {
    this.#gone = true;
    this.#exit({ success: code === 0, code: code ?? 128 + 15, signal });
  }

  /** Nobody holds its outputs any more. */
  closeOutputs(): void {
    this.ends.stdout[1].close();
    this.ends.stderr[1].close();
  }

  /** It writes, on behalf of itself or of a descendant. */
  async write(text: string, to: "stdout" | "stderr" = "stdout"): Promise<void> {
    await this.ends[to][1].sendAll(new TextEncoder().encode(text));
  }

  unref(): void {
    this.unrefs++;
  }
}

/** See the header. */
export class FakeProcesses implements ProcessHost {
  readonly inMemory = true;
  readonly spawned: FakeProcess[] = [];
  readonly #script: (process: FakeProcess) => void;

  constructor(script: (process: FakeProcess) => void = () => {}) {
    this.#script = script;
  }

  spawn(options: ProcessSpawnOptions): HostProcess {
    const process = new FakeProcess(1_000 + this.spawned.length, options);
    this.spawned.push(process);
    this.#script(process);
    return process;
  }
}
