/**
 * One simulation: puts clock, driver, network and globals around a body, runs it, and looks at what is left in the end.
 *
 * What it makes of that is up to others: `simulate()` throws, a cancel sweep has more to say.
 */

import {
  composedWait,
  formatTime,
  NOTHING,
  outside,
  requireBoolean,
  requireFunction,
  requireText,
  watchChannels,
  withoutFrames,
} from "../../core/internal.ts";
import { isErrorGroup, openNursery, run, sleep } from "../../core/mod.ts";
import { currentRun, type Network, type ProcessHost, type WorkerHost } from "../../core/lowlevel.ts";
import { requireFinite } from "../base/check.ts";
import { ambientDriver } from "./ambient.ts";
import { Driver, turn } from "./driver.ts";
import { patchGlobals } from "./globals.ts";
import { endIdle, endWorld } from "../node/world.ts";
import type { FailedTrace, TraceTarget } from "./failed_trace.ts";
import type { Leak } from "./leak.ts";
import type { NetworkLog } from "../net/network_log.ts";
import { VirtualNetworkImpl } from "../net/virtual_network_impl.ts";
import { namedStreams, seededRandom, SOURCES } from "./random.ts";
import type { Place } from "./simulated_process.ts";
import { SimulatedProcesses } from "./simulated_processes.ts";
import { SimulatedSignals } from "./simulated_signals.ts";
import { SimulatedStdin } from "./simulated_stdin.ts";
import { SimulatedWorkers } from "./simulated_workers.ts";
import { settled } from "../time/settled.ts";
import type { Background, Simulation } from "../time/simulation.ts";
import type { SimulateSettings } from "./simulate_options.ts";
import type { Steering } from "./steering.ts";
import type { Site } from "./sites.ts";
import { homes, type TimerHost } from "./timers.ts";
import { VirtualClock } from "./virtual_clock.ts";
import { describeEnd } from "./words.ts";
import { buggify } from "../watches/buggify.ts";
import { Watches } from "./watches.ts";

homes.current = () => ambientDriver() as unknown as TimerHost | null;

/** How a simulation ended. */
export interface Ending<T> {
  /** What its body returned, if it did. */
  readonly value: T | undefined;
  /** Why it failed, or `NOTHING`. */
  readonly error: unknown;
  /** What was left behind. */
  readonly leaks: readonly Leak[];
  /** What to know of it when it has failed: seed, time, what was conspicuous, and the end of the network's log. */
  describe(): string;
  /** A picture of it, as HTML. */
  picture(title: string): Promise<string>;
  /** Writes its trace, if that is wanted; returns a line that says where it is, or "". */
  writeTrace(title: string): Promise<string>;
}

/** What others do to a simulation. */
export interface Intervention {
  /** Says who goes on next. */
  readonly steering?: Steering;
  /** Is given the network in memory before anything runs. */
  readonly meddle?: (network: VirtualNetworkImpl, clock: VirtualClock) => void;
}

/** Simulates a test that is written at a place. */
export async function simulateAt<T>(
  origin: Site | null,
  body: (sim: Simulation) => T | Promise<T>,
  settings: SimulateSettings,
  { steering, meddle }: Intervention = {},
): Promise<Ending<T>> {
  const { start, seed, grace, instruments, trace: folder } = settings;
  const trace = folder === undefined ? null : await beginTrace({ folder, origin, name: body.name, seed });
  const clock = steering?.clockFrom(start) ?? new VirtualClock(start);
  const network = settings.network ??
    new VirtualNetworkImpl(clock, seededRandom(seed, SOURCES.network));
  const processes = settings.processes ?? new SimulatedProcesses(clock);
  const workers = settings.workers ?? new SimulatedWorkers(clock);
  const signals = new SimulatedSignals();
  const stdin = new SimulatedStdin();
  const driver = new Driver(clock, settings, {
    origin,
    network: network === "host" ? null : network,
    steering: steering ?? null,
  });
  const { schedule } = driver;
  if (network instanceof VirtualNetworkImpl) meddle?.(network, clock);
  const watches = clock.watches = new Watches({
    now: () => clock.now(),
    fail: (error) => driver.stray(withoutFrames(error)),
    seed,
    campaign: settings.campaign ?? null,
  });
  settings.campaign?.begin();
  const { timeline } = watches;
  const picture = async (title: string): Promise<string> => {
    const { drawPicture } = await outside(() => import("../pictures/picture.ts"));
    const net = network instanceof VirtualNetworkImpl ? network : null;
    return drawPicture({
      title,
      notes: linesOf(watches, net?.events ?? null),
      hosts: net?.hostNames() ?? [],
      events: net?.events.entries ?? [],
      tasks: timeline.tasks,
      left: timeline.left,
      end: clock.now(),
    });
  };
  const unpatch = patchGlobals(ambientDriver);
  clock.driver = driver;
  try {
    const outcome = run(
      () => perform(body, { clock, driver, network, processes, workers, signals, stdin, seed, picture }),
      {
        clock,
        random: seededRandom(seed, SOURCES.run),
        instruments: [driver, watches, ...trace === null ? [] : [trace.instrument], ...instruments],
        signal: driver.signal,
        signals,
        stdin,
        grace,
        spawnSites: steering?.places === false ? 0 : SPAWN_SITES,
        ...(network === "host" ? {} : { network }),
        ...(processes === "host" ? {} : { processes }),
        ...(workers === "host" ? {} : { workers }),
        ...(schedule === undefined ? {} : { schedule }),
      },
    );
    let value: T | undefined;
    let error: unknown = NOTHING;
    try {
      value = await driver.drive(outcome);
    } catch (thrown) {
      error = thrown;
    }
    if (network instanceof VirtualNetworkImpl) network.http.end();
    // Those whose program has ended them, or would not wait for them, need no more than that.
    if (endIdle(driver)) await turn();
    const ended = clock.now();
    const log = network instanceof VirtualNetworkImpl ? network.events : null;
    return {
      value,
      error,
      leaks: driver.leaks(),
      picture,
      writeTrace: async (title) => {
        if (trace === null) return "";
        return await trace.write(
          titleOf(title, seed),
          network instanceof VirtualNetworkImpl && log?.entries.length !== 0 ? network.diagram() : null,
        );
      },
      describe: () => describeEnd({ seed, at: ended, watched: linesOf(watches, log), log: log?.lines() ?? [] }),
    };
  } finally {
    endWorld(driver);
    clock.driver = null;
    clock.watches = null;
    unpatch();
  }
}

async function beginTrace(target: TraceTarget): Promise<FailedTrace> {
  const { traceFor } = await outside(() => import("./failed_trace.ts"));
  return await traceFor(target);
}

/** What a picture of a failure is called: the first line of its text, and the seed. */
export function titleOf(text: string, seed: number): string {
  return `${text.split("\n")[0]} (seed ${seed})`;
}

interface Parts {
  readonly clock: VirtualClock;
  readonly driver: Driver;
  readonly network: Network | "host";
  readonly processes: ProcessHost | "host";
  readonly workers: WorkerHost | "host";
  readonly signals: SimulatedSignals;
  readonly stdin: SimulatedStdin;
  readonly seed: number;
  picture(title: string): Promise<string>;
}

/** The main task: the body, with a nursery around it for the background. */
async function perform<T>(body: (sim: Simulation) => T | Promise<T>, parts: Parts): Promise<T> {
  const { clock, driver, network, processes, workers, signals, stdin, seed, picture } = parts;
  let failure: unknown;
  let failed = false;
  try {
    return await openNursery(async (nursery) => {
      const background: Background = {
        startSoon: (fn, options) => nursery.startSoon(fn, { ...options, daemon: true }),
      };
      if (network instanceof VirtualNetworkImpl) network.background = background;
      // They end when those have ended who started them, and so had their chance to end them.
      const last: Place = { startSoon: (fn, options) => nursery.startSoon(fn, { ...options, daemon: "last" }) };
      if (processes instanceof SimulatedProcesses) processes.place = last;
      if (workers instanceof SimulatedWorkers) workers.place = last;
      const watches = clock.watches!;
      watchChannels(currentRun(), (channel) => watches.opened(channel));
      const sim: Simulation = {
        get now() {
          return clock.now();
        },
        seed,
        background,
        get net() {
          if (network instanceof VirtualNetworkImpl) return network;
          throw new TypeError(
            'Cannot use "net" as the network must be the one in memory: option "network" names another',
          );
        },
        get processes() {
          if (processes instanceof SimulatedProcesses) return processes;
          throw new TypeError(
            'Cannot use "processes" as they must be those in memory: option "processes" names others',
          );
        },
        get workers() {
          if (workers instanceof SimulatedWorkers) return workers;
          throw new TypeError('Cannot use "workers" as they must be those in memory: option "workers" names others');
        },
        stdin,
        signal: (signal) => signals.send(signal),
        always(check, label) {
          requireFunction("watch", "check", check);
          requireText("watch", "label", label);
          watches.always(check, label, driver.takeSite());
        },
        sometimes(condition, label) {
          requireBoolean("watch", "condition", condition);
          requireText("watch", "label", label);
          watches.sometimes(condition, label, driver.takeSite());
        },
        reached(label) {
          requireText("watch", "label", label);
          watches.sometimes(true, label, driver.takeSite());
        },
        buggify: (label, probability) => buggify(label, probability),
        picture: () => composedWait(() => picture(`Simulation with seed ${seed}, until t=${formatTime(clock.now())}`)),
        report: () => linesOf(watches, network instanceof VirtualNetworkImpl ? network.events : null),
        settled: () => settled(),
        advance: (ms) =>
          composedWait(async () => {
            await sleep(ms);
            await settled();
          }),
        freeze(ms) {
          requireFinite("freeze", "ms", ms);
          clock.freeze(ms);
        },
        random: namedStreams(seed),
      };
      try {
        return await body(sim);
      } catch (error) {
        [failed, failure] = [true, error];
        throw error;
      } finally {
        watches.end();
        // What runs on them is about to be cancelled, and has to clean up.
        if (network instanceof VirtualNetworkImpl) network.resumeAll();
        driver.bodyEnded = true;
      }
    }, { name: "simulation" });
  } catch (error) {
    // The nursery is ours, so the error of the body leaves as it came, unless there are others.
    throw failed && isErrorGroup(error) && error.errors.length === 1 && error.errors[0] === failure ? failure : error;
  }
}

function linesOf(watches: Watches, log: NetworkLog | null): string[] {
  return [...watches.lines(), ...log?.rates.lines() ?? []];
}

/** A place takes 4 us to record; and a report shows 200 tasks. */
const SPAWN_SITES = 1_000;
