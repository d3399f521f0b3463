// deno-lint-ignore-file no-console
/** Run it: deno run --allow-net examples/lighthouse/2_many_at_once.ts localhost:8000 example.com:443 */
import { map } from "@trefoil/io";
import { check, type State } from "./1_one_check.ts";

/** How many targets are checked at the same time. */
export const AT_ONCE = 100;

/** A service to look after. */
export interface Target {
  readonly name: string;
  readonly host: string;
  readonly port: number;
}

/** Reads a target such as `"example.com:443"`. */
export function parseTarget(name: string): Target {
  const [, host, port] = /^(.+):(\d+)$/.exec(name) ?? [];
  if (host === undefined) throw new TypeError(`Cannot read a target as it must be "host:port": received "${name}"`);
  return { name, host, port: Number(port) };
}

/** Checks all targets, and returns their states in the order of the targets. */
export function checkAll(targets: readonly Target[]): Promise<State[]> {
  return map(targets, ({ host, port }) => check(host, port), { concurrency: AT_ONCE });
}

if (import.meta.main) {
  const targets = Deno.args.map(parseTarget);
  const states = await checkAll(targets);
  targets.forEach(({ name }, i) => console.log(`${name} is ${states[i]}`));
}
