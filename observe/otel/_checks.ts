/** Checks of what an `OtelInstrument` is given. */

import { read, show } from "../../core/internal.ts";
import type { OtelModules } from "./modules.ts";

/** What cannot be done with what is wrong. */
export const ACTION = "make an OtelInstrument";

/** The modules, if they have what is used of them. */
export function modulesOf(otel: unknown): OtelModules {
  if (typeof otel !== "object" || otel === null) {
    throw new TypeError(
      `Cannot ${ACTION} as "otel" must be the modules of OpenTelemetry's API: received ${show(otel)}`,
    );
  }
  const [trace, context, metrics] = (["trace", "context", "metrics"] as const).map((name) => read(otel, name));
  for (const [name, value] of Object.entries({ trace, context, metrics })) {
    for (const method of METHODS[name as keyof OtelModules]) {
      if (value === undefined || typeof read(value, method) === "function") continue;
      throw new TypeError(`Cannot ${ACTION} as "otel.${name}" must have ${method}(): received ${show(value)}`);
    }
  }
  if ((trace === undefined) !== (context === undefined)) {
    const [has, lacks] = trace === undefined ? ["context", "trace"] : ["trace", "context"];
    throw new TypeError(`Cannot ${ACTION} as "otel.${has}" needs "otel.${lacks}": received undefined`);
  }
  if (trace === undefined && metrics === undefined) {
    throw new TypeError(
      `Cannot ${ACTION} as "otel" must have trace and context, or metrics: received ${show(otel)}`,
    );
  }
  return { trace, context, metrics } as OtelModules;
}

const METHODS: Readonly<Record<keyof OtelModules, readonly string[]>> = {
  trace: ["getTracer", "setSpan"],
  context: ["active", "with"],
  metrics: ["getMeter"],
};
