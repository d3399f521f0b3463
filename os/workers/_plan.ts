/** The options of a pool of workers, checked before anything is started, and made whole. */

import { CapacityLimiter } from "../../core/mod.ts";
import { requireCount, requireInteger, requireOptions, requireTimeout, show } from "../../core/internal.ts";
import { requirePermissions } from "./_permissions.ts";
import type { OpenWorkersOptions, WorkerPermissions } from "./workers.ts";

/** How long a cancelled call may take to stop by itself, in milliseconds. */
const GRACE = 1_000;
/** After how long without a call a process ends that is more than `warm`, in milliseconds. */
const IDLE = 30_000;

/** What a user has asked for. */
export interface WorkersPlan {
  readonly module: string;
  /** What it is called in reports: the end of its address. */
  readonly moduleName: string;
  readonly kind: "thread" | "process";
  readonly limiter: CapacityLimiter;
  readonly warm: number;
  readonly idleTimeout: number;
  readonly grace: number;
  readonly maxCalls: number;
  readonly memory: number | undefined;
  readonly window: number;
  readonly permissions: WorkerPermissions | undefined;
}

/** Checks what a user has given. */
export function planOf(action: string, module: string | URL, options: OpenWorkersOptions): WorkersPlan {
  const href = addressOf(action, module);
  requireOptions(action, options);
  const { kind = "thread", size, limiter, memory, permissions } = options;
  if (kind !== "thread" && kind !== "process") {
    throw new TypeError(`Cannot ${action} as "kind" must be "thread" or "process": received ${show(kind)}`);
  }
  if (permissions !== undefined && kind === "thread") {
    throw new TypeError(
      `Cannot ${action} with "permissions" as "kind" must be "process": a thread may do what the program may do`,
    );
  }
  requirePermissions(action, permissions);
  if (limiter !== undefined && !(limiter instanceof CapacityLimiter)) {
    throw new TypeError(`Cannot ${action} as "limiter" must be a CapacityLimiter: received ${show(limiter)}`);
  }
  if (size !== undefined && limiter !== undefined) {
    throw new TypeError(`Cannot ${action} with "size" and "limiter" as one of them must say how many: received both`);
  }
  if (size !== undefined) requireInteger(action, "size", size, 1, MOST);
  const moduleName = nameOf(href);
  const places = limiter ?? new CapacityLimiter(size ?? defaultSize(), { name: `workers of ${moduleName}` });
  const most = Math.min(places.totalTokens, MOST);
  const { warm = kind === "thread" ? most : Math.min(1, most), grace = GRACE, maxCalls = Infinity, window = 16 } =
    options;
  requireInteger(action, "warm", warm, 0, most);
  const { idleTimeout = kind === "thread" ? Infinity : IDLE } = options;
  requireTimeout(action, "idleTimeout", idleTimeout);
  requireTimeout(action, "grace", grace);
  requireCount(action, "maxCalls", maxCalls);
  if (maxCalls === 0) throw new RangeError(`Cannot ${action} as "maxCalls" must be >= 1: received 0`);
  requireInteger(action, "window", window, 1, MOST);
  if (memory !== undefined) requireInteger(action, "memory", memory, 1, 1024 * 1024);
  return {
    module: href,
    moduleName,
    kind,
    limiter: places,
    warm,
    idleTimeout,
    grace,
    maxCalls,
    memory,
    window,
    permissions,
  };
}

/** More than anybody can have. */
const MOST = 4_096;

function defaultSize(): number {
  return Math.max(1, (globalThis.navigator?.hardwareConcurrency ?? 2) - 1);
}

function addressOf(action: string, module: string | URL): string {
  if (module instanceof URL) return module.href;
  if (typeof module !== "string") {
    throw new TypeError(`Cannot ${action} as "module" must be a URL: received ${show(module)}`);
  }
  if (!URL.canParse(module)) {
    throw new TypeError(
      `Cannot ${action} as "module" must be an absolute URL: received ${show(module)}, write ` +
        `new URL(${JSON.stringify(module)}, import.meta.url)`,
    );
  }
  return new URL(module).href;
}

/** The last part of an address, as far as it says something. */
function nameOf(href: string): string {
  const { protocol, pathname } = new URL(href);
  if (protocol === "data:") return "a data: module";
  return decodeURIComponent(pathname.split("/").at(-1) || href);
}
