/** Run it: deno run --allow-net examples/lighthouse/7_not_too_much.ts 7070 localhost:9000 localhost:8000 example.com:443 */
import { CapacityLimiter, RateLimiter } from "@trefoil/io";
import { check, knock } from "./3_when_things_fail.ts";
import { keepWatch, parseArgs } from "./6_alarms.ts";

/** What is not too much. */
export interface Limits {
  /** How many knocks may wait for their answer at the same time. */
  readonly atOnce: number;
  /** How many knocks may begin in a second. */
  readonly perSecond: number;
}

/** Makes a way to knock that keeps within limits, however many tasks use it. */
export function gently({ atOnce, perSecond }: Limits, attempt = knock): typeof knock {
  const places = new CapacityLimiter(atOnce, { name: "knocks at once" });
  const pace = new RateLimiter(perSecond, { name: "knocks a second" });
  return async (target) => {
    await pace.acquire();
    using _ = await places.acquire();
    await attempt(target); // its clock starts here: time in line is not the target's fault
  };
}

if (import.meta.main) {
  const [targets, options] = parseArgs(Deno.args);
  const attempt = gently({ atOnce: 100, perSecond: 200 });
  await keepWatch(targets, { ...options, check: (target) => check(target, attempt) });
}
