/** What drawings are written with. */

/** A number, short enough. */
export function round(value: number): number {
  return Math.round(value * 100) / 100;
}

/** Text, for between tags and in attributes. */
export function text(value: string): string {
  return value.replace(/[&<>"]/g, (sign) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[sign]!);
}
