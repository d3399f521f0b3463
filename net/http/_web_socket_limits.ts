/** The limits of a WebSocket, on both sides. */

import { requireCount } from "../../core/internal.ts";
import type { WebSocketOptions } from "./web_socket_channel.ts";

/** Checks limits, before any effect. */
export function checkLimits(action: string, { highWaterMark, maxBuffered }: WebSocketOptions): void {
  if (highWaterMark !== undefined) requireCount(action, "highWaterMark", highWaterMark);
  if (maxBuffered !== undefined) requireCount(action, "maxBuffered", maxBuffered);
}
