// deno-lint-ignore-file no-console
/**
 * Starts a server as a sidecar, waits until it says that it is ready, talks to it, and ends it with everything else:
 * also when the program fails or Ctrl-C is pressed. If the server dies first, the program fails with what it has said
 * last.
 *
 * Run it: deno run --allow-run --allow-net examples/sidecar.ts [text]
 */
import { BufferedStream, childProcess, type Command, openNursery, openTcpStream, run } from "@trefoil/io";

/** The sidecar: prints its port once it listens. */
const ECHO: Command = ["deno", "run", "--allow-net", new URL("echo_server.ts", import.meta.url).href, "0"];

/** Runs a function beside a server that says on which port it listens. */
export async function withSidecar<T>(command: Command, body: (port: number) => Promise<T>): Promise<T> {
  return await openNursery(async (nursery) => {
    let port = 0;
    const listen = (line: string) => {
      port ||= Number(/on port (\d+)/.exec(line)?.[1] ?? 0);
    };
    // A daemon: it ends when the function has returned.
    const options = { name: "sidecar", stdout: listen, stderr: "tail", ready: /on port \d+/ } as const;
    await nursery.start(childProcess(command, options), { daemon: true });
    return await body(port);
  });
}

/** Has the server say something. */
export async function echo(port: number, text: string): Promise<string> {
  using stream = new BufferedStream(await openTcpStream("127.0.0.1", port));
  await stream.sendText(`${text}\n`);
  return await stream.receiveLine() ?? "";
}

if (import.meta.main) {
  run(async () => console.log(await withSidecar(ECHO, (port) => echo(port, Deno.args[0] ?? "hello"))));
}
