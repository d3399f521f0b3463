// deno-lint-ignore-file
import { shielded, type SocketStream } from "@trefoil/io";

export async function goodbye(stream: SocketStream): Promise<void> {
  await shielded(() => stream.sendText("bye\n"), { timeout: 5_000 });
}
// ---
import { CancelScope, moveOnAfter, type Process, type ShieldedOptions, simulated, sleep } from "@trefoil/io";

export async function fine(stream: SocketStream, options: ShieldedOptions, process: Process): Promise<void> {
  await shielded(() => stream.sendText("x"), options);
  await shielded(() => stream.sendText("x"), { ...options });
  await shielded(() => moveOnAfter(5, () => stream.sendText("x")));
  await shielded(() => process.end());
  await shielded(() => sleep(5));
  await new CancelScope({ shield: true, timeout: 5 }).run(() => stream.sendText("x"));
  const scope = new CancelScope({ shield: true });
  setTimeout(() => scope.shield = false, 5);
  await scope.run(() => stream.sendText("x"));
}
export const inSimulation = simulated(async () => {
  await shielded(() => sleep(5));
});
