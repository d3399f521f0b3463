/**
 * What the modules of Node are in one simulation: its network, and the sockets that live on it.
 *
 * The functions in place of theirs may be those of another copy of this package, which knows a world by this interface
 * alone.
 */

import { currentTask, type Task } from "../../core/mod.ts";
import { currentRun, type Network } from "../../core/lowlevel.ts";
import { ambientDriver } from "../driver/ambient.ts";
import type { DriverView } from "../driver/driver_view.ts";
import { ambientIncarnation } from "../driver/incarnation.ts";
import { askedForAt } from "../driver/leaks.ts";
import type { TimerKind } from "../driver/timers.ts";

/** A socket of Node, as the end of a simulation sees it. */
export interface Resident {
  /** Whether it is no leak: nobody waits for it, or it is about to be closed. */
  isIdle(): boolean;
  /** Ends it as its program would. */
  destroy(): void;
  /** Ends it and tells nobody. */
  detach(): void;
}

/** See the header. */
export interface World {
  /** The network in memory. */
  readonly network: Network;
  readonly residents: Set<Resident>;
  /** Something was thrown where nobody can catch it. */
  stray(error: unknown): void;
  timer(kind: TimerKind, ms: number, callback: () => void): { ref(): unknown; unref(): unknown; close(): unknown };
  /** Whether the calling code belongs to a host that has not crashed, asked later. */
  life(): () => boolean;
  /** Whether the calling code is a program of a host, as other than the test itself. */
  isHosted(): boolean;
  /** Takes the place of the calling code: the function returned calls one that opens something for it, later. */
  place(): <T>(open: () => T) => T;
  /** The task of the calling code waits for an answer; the function returned says that it is there. */
  expect(): () => void;
}

const worlds = new WeakMap<DriverView, World>();

/** The world of the simulation that the calling code belongs to, if its network is in memory; `null` otherwise. */
export function ambientWorld(): World | null {
  const driver = ambientDriver();
  if (driver === null) return null;
  const known = worlds.get(driver);
  if (known !== undefined) return known;
  const { network } = currentRun();
  if (network?.inMemory !== true) return null;
  const world = worldOf(driver, network);
  worlds.set(driver, world);
  return world;
}

function worldOf(driver: DriverView, network: Network): World {
  return {
    network,
    residents: new Set(),
    stray: (error) => driver.stray(error),
    timer: (kind, ms, callback) => driver.timer(kind, ms, callback, []) as ReturnType<World["timer"]>,
    life() {
      const incarnation = ambientIncarnation();
      return () => incarnation?.dead !== true;
    },
    isHosted: () => ambientIncarnation() !== undefined,
    place() {
      const site = driver.takeSite();
      return (open) => askedForAt(site, open);
    },
    expect() {
      const task: Task = currentTask();
      let open = true;
      driver.ledger.answerExpected(task);
      return () => {
        if (!open) return;
        open = false;
        driver.ledger.answerCame(task);
      };
    },
  };
}

/** Ends the sockets that are no leaks, as their programs would; returns whether there were any. */
export function endIdle(driver: DriverView): boolean {
  const idle = [...worlds.get(driver)?.residents ?? []].filter((resident) => resident.isIdle());
  for (const resident of idle) resident.destroy();
  return idle.length > 0;
}

/** The simulation is over: whatever is left goes without a word, as nobody there must act on it any more. */
export function endWorld(driver: DriverView): void {
  for (const resident of [...worlds.get(driver)?.residents ?? []]) resident.detach();
  worlds.delete(driver);
}
