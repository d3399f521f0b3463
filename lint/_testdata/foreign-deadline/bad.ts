// deno-lint-ignore-file
import { failAt, fetch } from "@trefoil/io";

export async function load(url: string): Promise<Response> {
  return await failAt(Date.now() + 5_000, () => fetch(url)); // BAD
}
// ---
import { CancelScope, currentTime, failAfter, moveOnAt, sleep, sleepUntil } from "@trefoil/io";

export async function others(scope: CancelScope): Promise<void> {
  await sleepUntil(performance.now() + 5); // BAD
  const start = Date.now(); // BAD, no fix
  await moveOnAt(start + 100, () => {}); // the finding is at the clock
  await moveOnAt(Math.max(5, new Date().getTime()), () => {}); // BAD
  new CancelScope({ deadline: Date.now() + 1 }); // BAD
  scope.deadline = performance.now() + 5; // BAD
  await failAt(5_000, () => {}); // BAD, no fix
  new CancelScope({ deadline: 1_000 }); // BAD, no fix
  await sleepUntil(new Date("2030-01-01").valueOf()); // BAD, no fix
  await failAfter(Date.now() + 5_000, () => {}); // BAD, no fix
  await sleep(5 + currentTime()); // BAD, no fix
  for (let next = Date.now();; next = Math.max(next + 5, Date.now())) { // BAD, no fix
    await sleepUntil(next);
  }
  for (let next = performance.now();; next = Math.max(next + 5, currentTime())) { // BAD, no fix
    await sleepUntil(next);
  }
  let later: number;
  later = performance.now() + 5; // BAD, no fix
  await sleepUntil(later);
  new CancelScope({ timeout: performance.now() + 5 }); // BAD, no fix
}
