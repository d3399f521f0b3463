/** A profile of the processor, by the engine itself: see https://nodejs.org/api/inspector.html. */

import type { Session } from "node:inspector";
import { pause } from "./_pause.ts";

/** Takes a profile, as the text of a `.cpuprofile`. It needs the permission `--allow-sys`. */
export async function profile(ms: number): Promise<string> {
  const { Session: Made } = await import("node:inspector");
  const session = new Made();
  session.connect();
  try {
    await post(session, "Profiler.enable");
    await post(session, "Profiler.start");
    await pause(ms);
    const { profile } = await post(session, "Profiler.stop") as { profile: unknown };
    return JSON.stringify(profile);
  } finally {
    session.disconnect();
  }
}

function post(session: Session, method: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    session.post(method, (error: Error | null, result?: unknown) => error === null ? resolve(result) : reject(error));
  });
}
