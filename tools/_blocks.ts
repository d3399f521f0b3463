/** The blocks of code in pages of Markdown, and in the comments of sources. */

/** A block of code between fences. */
export interface Block {
  /** What stands after the fence: `ts`, `ts ignore`, `ts program.ts`. */
  readonly tag: string;
  readonly code: string;
  /** The number of its first line in the file, the first being 1. */
  readonly line: number;
}

const FENCE = /^(?<indent>[ \t>]*(?:(?:[-*+]|\d+[.)])[ \t]+)?)(?<fence>`{3,}|~{3,})(?<tag>[^`]*)$/;

/** The blocks of a page, also those in lists and quotes. */
export function blocksOf(text: string): Block[] {
  const blocks: Block[] = [];
  let open: { fence: string; indent: number; tag: string; line: number; lines: string[] } | null = null;
  for (const [index, line] of text.split("\n").entries()) {
    if (open === null) {
      const { indent = "", fence, tag = "" } = FENCE.exec(line)?.groups ?? {};
      if (fence !== undefined) open = { fence, indent: indent.length, tag: tag.trim(), line: index + 2, lines: [] };
      continue;
    }
    const closing = /^[ \t>]*(`{3,}|~{3,})[ \t]*$/.exec(line)?.[1];
    if (closing?.startsWith(open.fence)) {
      blocks.push({ tag: open.tag, code: open.lines.map((each) => `${each}\n`).join(""), line: open.line });
      open = null;
    } else open.lines.push(withoutIndent(line, open.indent));
  }
  return blocks;
}

/** A line without the marks of the list or quote that it is in. */
function withoutIndent(line: string, width: number): string {
  const mark = /^[ \t>]*/.exec(line)?.[0].slice(0, width) ?? "";
  return line.slice(mark.length);
}

/** The blocks in the comments of a source. */
export function blocksOfComments(source: string): Block[] {
  return [...source.matchAll(/^[ \t]*\/\*\*[^]*?\*\//gm)].flatMap(({ 0: comment, index }) => {
    const before = source.slice(0, index).split("\n").length - 1;
    const text = comment.split("\n").map((line) => line.replace(/^[ \t]*\/?\*+ ?/, "")).join("\n");
    return blocksOf(text).map((block) => ({ ...block, line: block.line + before }));
  });
}

/** Whether a block is a program that people are meant to write. */
export function isProgram({ tag }: Block): boolean {
  return /^(?:ts|typescript)\b/.test(tag) && !/\bignore\b/.test(tag);
}
