// deno-lint-ignore-file no-console
/** How results are shown. */

import type { CaseResult, Finding } from "./_results.ts";

/** Prints results as a table, or as JSON for another program. */
export function printResults(results: readonly CaseResult[], json: boolean): void {
  console.log(json ? JSON.stringify(results) : formatResults(results));
}

/** Results as one Markdown table, and the limits below it. */
export function formatResults(results: readonly CaseResult[]): string {
  const lines = [["case", "candidate", "median", "min - max", "ratio"]];
  for (const { title, unit, baseline, rows } of results) {
    let first = `${title} (${unit})`;
    for (const { candidate, median, min, max, ratio } of rows) {
      const shown = ratio === null ? "" : candidate === baseline ? "1" : number(ratio);
      lines.push([first, candidate, number(median), `${number(min)} - ${number(max)}`, shown]);
      first = "";
    }
  }
  const limits = results.flatMap(({ title, unit, findings }) =>
    findings.map((finding) => `- ${title}: ${formatFinding(finding, unit)}`)
  );
  return [...table(lines), "", ...limits].join("\n");
}

function formatFinding({ of, against, atMost, atLeast, found, met }: Finding, unit: string): string {
  const bound = atMost !== undefined ? `at most ${atMost}` : `at least ${atLeast}`;
  const what = against === undefined ? `${of} = ${number(found)} ${unit}` : `${of} / ${against} = ${number(found)}`;
  return `${what}, limit ${bound}: ${met ? "met" : "NOT MET in this run"}`;
}

function table(lines: readonly (readonly string[])[]): string[] {
  const widths = (lines[0] ?? []).map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  const rows = lines.map((line) => {
    const cells = line.map((cell, column) =>
      column < 2 ? cell.padEnd(widths[column] as number) : cell.padStart(widths[column] as number)
    );
    return `| ${cells.join(" | ")} |`;
  });
  rows.splice(1, 0, `|${widths.map((width, column) => "-".repeat(width + 1) + (column < 2 ? "-" : ":")).join("|")}|`);
  return rows;
}

function number(value: number): string {
  const size = Math.abs(value);
  if (size === 0 || size >= 100) return Math.round(value).toLocaleString("en-US");
  return value.toPrecision(size >= 1 ? 3 : 2);
}
