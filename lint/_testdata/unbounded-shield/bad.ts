// deno-lint-ignore-file
import { shielded, type SocketStream } from "@trefoil/io";

export async function goodbye(stream: SocketStream): Promise<void> {
  await shielded(() => stream.sendText("bye\n")); // BAD
}
// ---
import { CancelScope } from "@trefoil/io";

export async function others(stream: SocketStream): Promise<void> {
  await shielded(() => stream.sendText("x"), {}); // BAD
  await shielded(() => stream.sendText("x"), { timeout: Infinity }); // BAD
  await new CancelScope({ shield: true }).run(() => stream.sendText("x")); // BAD
  const scope = new CancelScope({ shield: true }); // BAD
  await scope.run(() => stream.sendText("x"));
}
