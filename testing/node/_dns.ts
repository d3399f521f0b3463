/** `node:dns` from the names of the network in memory: one place below all its functions, and those of `net`. */

import type { ResolvedAddress } from "../../core/lowlevel.ts";
import type { Any, NodeModules, Patch } from "./_modules.ts";
import type { World } from "./world.ts";

/** Orders that `lookup()` may ask for: IPv4 first, IPv6 first, or as the names come. */
const FIRST: Readonly<Record<number, 4 | 6>> = { 1: 4, 2: 6 };

/** Lets questions asked in a simulation be answered by its network. */
export function patchDns({ resolver, errno }: NodeModules, patch: Patch, find: () => World | null): void {
  patch(resolver, "getaddrinfo", (host) => (req: Any, name: string, family: number, hints: number, order: number) => {
    const world = find();
    if (world === null) return host(req, name, family, hints, order);
    const first = FIRST[order];
    answer(world, world.network.resolve(name), (found) => {
      const fitting = found.filter((one) => family === 0 || one.family === family);
      if (first !== undefined) fitting.sort((a, b) => Number(b.family === first) - Number(a.family === first));
      if (fitting.length === 0) return req.oncomplete(errno("EAI_NONAME"), []);
      req.oncomplete(0, fitting.map(({ address }) => address));
    }, (error) => {
      if (codeOf(error) === "ENOTFOUND") return req.oncomplete(errno("EAI_NONAME"), []);
      // One that the test has made.
      if (req.reject !== undefined) req.reject(error);
      else req.callback(error);
    });
    return 0;
  });

  const { prototype } = resolver.ChannelWrap;
  for (const name of Object.getOwnPropertyNames(prototype)) {
    if (!/^query|^getHostByAddr$/.test(name)) continue;
    patch(prototype, name, (host) =>
      function (this: Any, req: Any, asked: string) {
        const world = find();
        if (world === null) return host.call(this, req, asked);
        const question = name === "getHostByAddr" ? Promise.reject() : world.network.resolve(asked);
        answer(world, question, (found) => {
          const records = found.flatMap((one) => recordOf(name, one, req.ttl));
          req.oncomplete(records.length === 0 ? "ENODATA" : 0, records);
        }, (error) => req.oncomplete(codeOf(error) ?? "ENOTFOUND", []));
        return 0;
      });
  }
}

/** Tells whoever has asked, once the answer is there. */
function answer(
  world: World,
  question: Promise<readonly ResolvedAddress[]>,
  found: (addresses: readonly ResolvedAddress[]) => void,
  failed: (error: unknown) => void,
): void {
  const came = world.expect();
  const lives = world.life();
  const guarded = <T>(tell: (what: T) => void) => (what: T): void => {
    came();
    if (!lives()) return;
    try {
      tell(what);
    } catch (error) {
      world.stray(error);
    }
  };
  question.then(guarded(found), guarded(failed));
}

/** What a question for records of one type gets of an address. */
function recordOf(query: string, { address, family }: ResolvedAddress, ttl: boolean): unknown[] {
  const type = family === 4 ? "A" : "AAAA";
  if (query === "queryAny") return [{ type, address, ttl: 0 }];
  if (query !== (type === "A" ? "queryA" : "queryAaaa")) return [];
  return [ttl ? { address, ttl: 0 } : address];
}

function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === "string" ? code : undefined;
}
