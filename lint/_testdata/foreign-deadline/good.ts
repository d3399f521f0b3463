// deno-lint-ignore-file
import { currentTime, failAt, fetch } from "@trefoil/io";

export async function load(url: string): Promise<Response> {
  return await failAt(currentTime() + 5_000, () => fetch(url));
}
// ---
import { CancelScope, failAfter, moveOnAt, simulated, sleep, sleepUntil } from "@trefoil/io";

export const inSimulation = simulated(async () => {
  // There the clock begins at 0.
  await sleepUntil(5_000);
  await failAt(6_000, () => {});
});
export async function fine(deadline: number): Promise<void> {
  await sleepUntil(Infinity);
  await moveOnAt(deadline, () => {});
  const scope = new CancelScope({ timeout: 5_000, deadline: Infinity });
  scope.deadline = currentTime() + 5;
  console.log(Date.now(), scope);
  await failAt(currentTime() + 5, () => Date.now());
  for (let next = currentTime();; next = Math.max(next + 5, currentTime())) await sleepUntil(next);
  let time = Date.now();
  console.log(time);
  time = currentTime() + 5; // another use of the same variable
  await sleepUntil(time);
  await failAfter(deadline - Date.now(), () => {});
  await sleep(Math.max(0, deadline - currentTime()));
}
