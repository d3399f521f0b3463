/** Times in reports. */

/** A time as shown in reports: seconds when it is long. */
export function formatTime(ms: number): string {
  return Math.abs(ms) < 1_000 ? `${round(ms)}ms` : `${round(ms / 1_000)}s`;
}

function round(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}
