/** A time of trouble on a network, drawn from a seed; at its end everything is as it was before. */

import { requireOptions, requireTimeout, show } from "../../core/internal.ts";
import { openNursery, sleep, sleepUntil } from "../../core/mod.ts";
import type { Clock } from "../../core/lowlevel.ts";
import { requireFinite, requireKnown, requireSeed } from "../base/check.ts";
import { seededRandom } from "../driver/random.ts";
import type { ChaosKind, ChaosOptions, VirtualHost, VirtualNetwork } from "./virtual_network.ts";

const ACTION = "begin chaos";
const KINDS: readonly ChaosKind[] = ["partition", "hold", "slow", "reset", "pause", "crash"];
/** The longest that one trouble lasts: shorter than the 60 s after which a connect gives up. */
const LONGEST = 10_000;

/** The options, checked. */
export interface Chaos {
  readonly seed: number;
  readonly kinds: readonly ChaosKind[];
  readonly until: number;
  readonly every: number;
  readonly hosts: readonly string[];
}

/** Checks the options. `known` are the hosts there are: all but the first, the test's own, may crash and stand still. */
export function checkChaos(options: ChaosOptions, known: readonly string[]): Chaos {
  requireOptions(ACTION, options);
  requireKnown(ACTION, options, ["seed", "kinds", "until", "every", "hosts"]);
  const { seed = 0, kinds = KINDS, until, every = 2_000, hosts = known } = options;
  requireSeed(ACTION, seed);
  requireFinite(ACTION, "until", until);
  requireTimeout(ACTION, "every", every);
  if (!(every > 0 && every < Infinity)) {
    throw new RangeError(`Cannot ${ACTION} as "every" must be a number of milliseconds > 0: received ${show(every)}`);
  }
  if (!Array.isArray(kinds) || kinds.length === 0 || !kinds.every((kind) => KINDS.includes(kind))) {
    throw new RangeError(`Cannot ${ACTION} as "kinds" must be some of ${KINDS.join(", ")}: received ${show(kinds)}`);
  }
  if (!Array.isArray(hosts) || !hosts.every((host) => known.includes(host))) {
    throw new RangeError(`Cannot ${ACTION} as "hosts" must be among ${known.join(", ")}: received ${show(hosts)}`);
  }
  return { seed, kinds, until, every, hosts };
}

/** Makes trouble until it is over; cancelled or not, what it has done is undone. */
export async function runChaos(network: VirtualNetwork, clock: Clock, chaos: Chaos, host: string): Promise<void> {
  const random = seededRandom(chaos.seed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  const others = chaos.hosts.filter((name) => name !== host);
  // What is undone in the order in which it was done: two troubles of one host never overlap.
  const troubled = new Set<string>();
  await openNursery(async (nursery) => {
    while (true) {
      await sleep(Math.min(2 * chaos.every * random(), Math.max(0, chaos.until - clock.now())));
      const left = chaos.until - clock.now();
      if (left <= 0) break;
      const kind = pick(chaos.kinds);
      const lasts = Math.min(left, LONGEST * random());
      const undo = kind === "crash" || kind === "pause" ? troubleOf(kind, pick(others)) : between(kind);
      if (undo === null) continue;
      nursery.startSoon(async () => {
        try {
          await sleep(lasts);
        } finally {
          undo();
        }
      }, { name: `chaos: ${kind}` });
    }
  }, { name: "chaos" });
  await sleepUntil(chaos.until);

  function troubleOf(kind: "crash" | "pause", name: string | undefined): (() => void) | null {
    if (name === undefined || troubled.has(name)) return null;
    troubled.add(name);
    const target: VirtualHost = network.host(name);
    if (kind === "crash") target.crash();
    else target.pause();
    return () => {
      troubled.delete(name);
      if (kind === "crash") target.restart();
      else target.resume();
    };
  }

  function between(kind: Exclude<ChaosKind, "crash" | "pause">): (() => void) | null {
    const a = pick(chaos.hosts);
    const b = pick(chaos.hosts.filter((name) => name !== a));
    if (a === undefined || b === undefined) return null;
    if (kind === "reset") {
      network.reset(a, b);
      return null;
    }
    const oneWay = random() < 0.25;
    const guard = kind === "slow"
      ? network.link(a, b, { latency: 50 + 450 * random(), jitter: 200 * random(), loss: 0.1 * random(), oneWay })
      : network[kind](a, b, { oneWay });
    return () => guard[Symbol.dispose]();
  }
}
