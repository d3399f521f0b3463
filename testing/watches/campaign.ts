/** What several simulations have reached between them. */

import { requireKnown } from "../base/check.ts";

interface Seen {
  held: number;
  asked: number;
  readonly place: string;
}

/**
 * Collects over several simulations which situations were met: those that `sim.sometimes()` and `sim.reached()` name.
 *
 * A test that tries many seeds proves nothing of a situation that none of them has met. Hand the same campaign to all
 * simulations (option `campaign`), and `check()` fails for what never came about.
 *
 * @example A retry that must be seen at least once
 * ```ts
 * import { simulate } from "@trefoil/io";
 * import { Campaign } from "@trefoil/io/testing";
 *
 * const campaign = new Campaign({ reach: ["second attempt"] });
 * for (let seed = 0; seed < 20; seed++) {
 *   await simulate((sim) => {
 *     if (sim.random() < 0.5) sim.reached("second attempt");
 *   }, { seed, campaign });
 * }
 * campaign.check();
 * ```
 *
 * @category Simulation
 */
export class Campaign {
  readonly #seen = new Map<string, Seen>();
  /** How many simulations have taken part. Written by `begin()`. */
  #runs = 0;

  /**
   * Makes a campaign of no simulations yet.
   *
   * @param options What must be reached.
   */
  constructor(options: CampaignOptions = {}) {
    requireKnown("begin a campaign", options, ["reach"]);
    for (const label of options.reach ?? []) this.#seen.set(label, { held: 0, asked: 0, place: "" });
  }

  /** How many simulations have taken part so far. */
  get runs(): number {
    return this.#runs;
  }

  /**
   * Notes that a simulation takes part: for the one that runs it.
   */
  begin(): void {
    this.#runs++;
  }

  /**
   * Notes whether a situation was met: what `sim.sometimes()` does.
   *
   * @param label Which one.
   * @param held Whether it was.
   * @param place Where it was asked, for the report.
   */
  note(label: string, held: boolean, place = ""): void {
    let seen = this.#seen.get(label);
    if (seen === undefined) this.#seen.set(label, seen = { held: 0, asked: 0, place });
    seen.asked++;
    if (held) seen.held++;
  }

  /** How often each situation was met. */
  counts(): ReadonlyMap<string, number> {
    return new Map([...this.#seen].map(([label, { held }]) => [label, held]));
  }

  /**
   * Fails if a situation was never met.
   *
   * @throws {Error} If there is one; its message names them all.
   */
  check(): void {
    const missed = [...this.#seen].filter(([, { held }]) => held === 0);
    if (missed.length === 0) return;
    const lines = missed.map(([label, { asked, place }]) =>
      `  "${label}"${asked === 0 ? ", never reached" : `, asked ${asked} times`}${place === "" ? "" : ` at ${place}`}`
    );
    throw new Error(
      `Cannot pass the campaign as each situation must be met in one of its ${this.#runs} runs: met in 0 are\n${
        lines.join("\n")
      }`,
    );
  }
}

/**
 * Options of `Campaign`.
 *
 * @category Simulation
 */
export interface CampaignOptions {
  /** Labels that `sim.reached()` must be called with, in one of the simulations at least. */
  readonly reach?: readonly string[];
}
