/** The processes of the benchmarks: servers that stay, and clients that print what they found. */

/** A server in a process of its own. */
export interface Server {
  readonly port: number;
  readonly pid: number;
  /** Ends the process. */
  stop(): Promise<void>;
}

/** Starts a file that serves, and waits until it has printed its port. */
export function startServer(file: string, ...args: readonly string[]): Promise<Server> {
  return serverOf(deno(file, args).spawn());
}

/**
 * Starts a program that serves on a port, or prints it if none is given; `null` where there is no such program. One
 * that does not say when it is ready is asked until it answers.
 */
export async function startCommand([name, ...args]: readonly string[], port?: number): Promise<Server | null> {
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command(name!, { args, stdout: "piped", stderr: "null" }).spawn();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
  if (port === undefined) return await serverOf(child);
  for (let tries = 0; tries < 100; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return await serverOf(child, port);
    } catch {
      // Not yet.
    }
  }
  child.kill("SIGKILL");
  return null;
}

async function serverOf(child: Deno.ChildProcess, known?: number): Promise<Server> {
  const printedPort = async (): Promise<number> => {
    const reader = child.stdout.getReader();
    const { value } = await reader.read();
    reader.releaseLock();
    return Number(new TextDecoder().decode(value));
  };
  return {
    port: known ?? await printedPort(),
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

/**
 * The CPU time of a process and of its children that have ended, so far, in microseconds (proc_pid_stat(5): fields 14 to
 * 17, in ticks of 10 ms).
 */
export async function cpuTimeOf(pid: number): Promise<number> {
  const stat = await Deno.readTextFile(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) * 10_000;
}

function deno(file: string, args: readonly string[]): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-lock", "--allow-all", new URL(file, import.meta.url).href, ...args],
    stdout: "piped",
    stderr: "inherit",
  });
}
