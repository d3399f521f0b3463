/** The processes of the network's benchmarks: servers that stay, and clients that print what they found. */

/** A server in a process of its own. */
export interface Server {
  readonly port: number;
  readonly pid: number;
  /** Ends the process. */
  stop(): Promise<void>;
}

/** Starts `_echo_server.ts` in one of its modes, and waits until it listens. */
export async function startServer(mode: string): Promise<Server> {
  const child = deno("_echo_server.ts", [mode]).spawn();
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  reader.releaseLock();
  return {
    port: Number(new TextDecoder().decode(value)),
    pid: child.pid,
    async stop() {
      await child.stdout.cancel();
      child.kill("SIGKILL");
      await child.status;
    },
  };
}

/** Runs a client to its end; returns the JSON that it prints. */
export async function runClient<T>(file: string, args: readonly number[]): Promise<T> {
  const { stdout } = await deno(file, args.map(String)).output();
  return JSON.parse(new TextDecoder().decode(stdout)) as T;
}

/** The CPU time of a process so far, in microseconds. Linux counts it in hundredths of a second. */
export async function cpuTimeOf(pid: number): Promise<number> {
  const stat = await Deno.readTextFile(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}

function deno(file: string, args: readonly string[]): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-lock", "--allow-all", new URL(file, import.meta.url).href, ...args],
    stdout: "piped",
    stderr: "inherit",
  });
}
