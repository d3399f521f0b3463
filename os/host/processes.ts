/** The processes of the system: with `signals.ts` what of `os` calls `Deno`. */

import {
  hostOperation,
  type HostProcess,
  type ProcessHost,
  type ProcessSpawnOptions,
  type ProcessStatus,
} from "../../core/lowlevel.ts";
import { type SendStream, streamFromReadable, streamFromWritable } from "../../net/mod.ts";

/** Whether this program runs on Windows, as far as Deno knows. */
export const isWindows: boolean = "Deno" in globalThis && Deno.build.os === "windows";

/** Node and Bun load the whole package for the sake of the core; what calls `Deno` says that it does. */
export function requireDeno(action: string): void {
  if ("Deno" in globalThis) return;
  throw new TypeError(`Cannot ${action} as the host must be Deno: "Deno" is not defined here`);
}

/** See `ProcessHost`. */
export const denoProcesses: ProcessHost = {
  spawn({ command: [program, ...args], group, ...options }): HostProcess {
    if (group) requireGroups(program);
    const child = new Deno.Command(program, { ...commandOptions(options), args, detached: group }).spawn();
    const { pid } = child;
    // A getter throws where there is no pipe.
    return {
      pid,
      stdin: options.stdin === "piped" ? streamFromWritable(child.stdin) : null,
      stdout: options.stdout === "piped" ? streamFromReadable(child.stdout) : null,
      stderr: options.stderr === "piped" ? streamFromReadable(child.stderr) : null,
      // What is left of the group goes in the very step in which the exit is seen: later, another might have its
      // number.
      status: group ? child.status.then((status) => (killRest(pid), status)) : child.status as Promise<ProcessStatus>,
      kill: (signal) => group ? killGroup(pid, signal as Deno.Signal) : child.kill(signal as Deno.Signal),
      unref: () => child.unref(),
    };
  },
};

/** What this program writes to its own output. */
export function ownOutput(name: "stdout" | "stderr"): Pick<SendStream, "sendAll"> {
  return {
    async sendAll(bytes) {
      for (let sent = 0; sent < bytes.length;) {
        sent += await hostOperation(`write to ${name}`, Deno[name].write(bytes.subarray(sent)));
      }
    },
  };
}

/** Each only where it is given: the host takes `undefined` for a value. */
function commandOptions(
  { cwd, env, uid, gid, ...options }: Omit<ProcessSpawnOptions, "command" | "group">,
): Deno.CommandOptions {
  return {
    ...options,
    ...cwd === undefined ? {} : { cwd },
    ...env === undefined ? {} : { env: { ...env } },
    ...uid === undefined ? {} : { uid },
    ...gid === undefined ? {} : { gid },
  };
}

/** Signals to a group go by its number, which takes the permission to signal anything. */
function requireGroups(program: string): void {
  if (isWindows) {
    throw new TypeError(
      `Cannot start "${program}" with "group" as the system must have groups of processes: this is Windows`,
    );
  }
  if (Deno.permissions.querySync({ name: "run" }).state === "granted") return;
  throw new Deno.errors.NotCapable(
    `Cannot start "${program}" with "group" as signals to a group take permission to run everything: use --allow-run`,
  );
}

function killGroup(pid: number, signal: Deno.Signal): void {
  Deno.kill(-pid, signal);
}

function killRest(pid: number): void {
  try {
    killGroup(pid, "SIGKILL");
  } catch {
    // Nobody was left.
  }
}
