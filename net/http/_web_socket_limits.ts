/** The limits of a WebSocket, on both sides. */

import { requireAtLeast } from "../base/check.ts";
import type { WebSocketOptions } from "./web_socket_channel.ts";

/** Checks limits, before any effect. */
export function checkLimits(action: string, { highWaterMark, maxBuffered }: WebSocketOptions): void {
  if (highWaterMark !== undefined) requireAtLeast(action, "highWaterMark", highWaterMark, 0);
  if (maxBuffered !== undefined) requireAtLeast(action, "maxBuffered", maxBuffered, 0);
}
