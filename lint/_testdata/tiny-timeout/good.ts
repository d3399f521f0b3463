// deno-lint-ignore-file
import { failAfter, fetch } from "@trefoil/io";

export async function load(url: string): Promise<Response> {
  return await failAfter(5_000, () => fetch(url));
}
// ---
import { moveOnAfter, simulated, sleep } from "@trefoil/io";

export async function fine(): Promise<void> {
  await moveOnAfter(0, () => fetch("x"));
  await sleep(5);
  const patience = 2_000;
  const { tiny } = { tiny: 5 };
  await moveOnAfter(patience, () => fetch("x"));
  await moveOnAfter(tiny, () => fetch("x"));
}
export const inSimulation = simulated(async () => {
  await failAfter(5, () => sleep(4));
});
