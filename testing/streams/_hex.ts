/** Bytes as people read them. */

/** How many bytes are shown. */
const WINDOW = 32;
/** How many of them come before the place that matters. */
const BEFORE = 8;

/** Shows rows of bytes below each other, as hex and as text, with a mark under the byte that matters. */
export function hexRows(rows: Readonly<Record<string, Uint8Array>>, mark = 0): string {
  const entries = Object.entries(rows);
  const longest = Math.max(...entries.map(([, bytes]) => bytes.length));
  const from = longest <= WINDOW ? 0 : Math.max(0, mark - BEFORE);
  const width = Math.max(...entries.map(([label]) => label.length)) + 2;
  const columns = 3 * Math.min(WINDOW, longest - from);
  const lines = entries.map(([label, bytes]) => {
    const part = bytes.subarray(from, from + WINDOW);
    const hex = [...part].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const more = bytes.length > from + WINDOW ? ` ... ${bytes.length - from - WINDOW} more` : "";
    return `  ${`${label}: `.padEnd(width)}${hex.padEnd(columns)} ${textOf(part)}${more}`;
  });
  if (from > 0) lines.unshift(`  from byte ${from}:`);
  if (entries.length > 1) lines.push(" ".repeat(2 + width + 3 * (mark - from)) + "^^");
  return lines.join("\n");
}

function textOf(bytes: Uint8Array): string {
  return JSON.stringify(new TextDecoder().decode(bytes));
}
