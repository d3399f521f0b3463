/** The names of a network: hosts, and what tests say beyond them. */

import { isError } from "../../core/internal.ts";
import type { Clock, ResolvedAddress } from "../../core/lowlevel.ts";
import { unknownName } from "./_host_errors.ts";

interface Answer {
  readonly answer: readonly string[] | Error;
  readonly delay: number;
}

/** A resolver. */
export class Names {
  readonly #clock: Clock;
  readonly #addressOf: (name: string) => string | undefined;
  /** The answers to a name; the last one holds. */
  readonly #answers = new Map<string, readonly Answer[]>();

  /** `addressOf` knows the hosts. */
  constructor(clock: Clock, addressOf: (name: string) => string | undefined) {
    this.#clock = clock;
    this.#addressOf = addressOf;
  }

  /** Adds an answer; the returned function takes it away. */
  add(name: string, answer: Answer): () => void {
    const key = name.toLowerCase();
    this.#answers.set(key, [...this.#answers.get(key) ?? [], answer]);
    return () => {
      const left = (this.#answers.get(key) ?? []).filter((other) => other !== answer);
      if (left.length === 0) this.#answers.delete(key);
      else this.#answers.set(key, left);
    };
  }

  /** Whether something was said of a name. */
  knows(name: string): boolean {
    return this.#answers.has(name.toLowerCase());
  }

  async resolve(hostname: string): Promise<readonly ResolvedAddress[]> {
    const name = hostname.toLowerCase();
    const said = this.#answers.get(name)?.at(-1);
    if (said === undefined) {
      const address = name === "localhost" ? "127.0.0.1" : this.#addressOf(name);
      if (address === undefined) throw unknownName(hostname);
      return [{ address, family: 4 }];
    }
    const { answer, delay } = said;
    if (delay > 0) {
      const clock = this.#clock;
      // No alarm for an answer that never comes: it would be a reason for time to move.
      await new Promise<void>((resolve) => delay < Infinity && clock.at(clock.now() + delay, resolve, undefined));
    }
    if (isError(answer)) throw answer;
    return answer.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }));
  }
}
