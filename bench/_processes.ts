/** The processes of the benchmarks: servers that stay, and clients that print what they found. */

/** A server in a process of its own. */
export interface Server {
  readonly port: number;
  readonly pid: number;
  /** Ends the process. */
  stop(): Promise<void>;
}

/** Starts a file that serves, and waits until it has printed its port. */
export async function startServer(file: string, ...args: readonly string[]): Promise<Server> {
  const child = deno(file, args).spawn();
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
export async function runClient<T>(file: string, ...args: readonly (string | number)[]): Promise<T> {
  return await printed<T>(deno(file, args.map(String)));
}

/** Runs a command to its end; returns the JSON that it prints. */
export async function printed<T>(command: Deno.Command): Promise<T> {
  const { stdout } = await command.output();
  return JSON.parse(new TextDecoder().decode(stdout)) as T;
}

/** The CPU time of a process so far, in microseconds (proc_pid_stat(5): fields 14 and 15, in ticks of 10 ms). */
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
