/** Trees as people read them: the branches in front of each node, a line each. */

/** Deeper nodes are indented no further; their level is written out. */
const DEEPEST_INDENT = 24;

/** A node of a tree, and what is drawn in front of it. */
export interface TreeLine<N> {
  readonly node: N;
  readonly branch: string;
}

/** Goes over a tree of any depth, each node before its children, which are asked for after it was handed out. */
export function* treeLines<N>(root: N, childrenOf: (node: N) => readonly N[]): Generator<TreeLine<N>> {
  const open = [{ node: root, prefix: "", branch: "", level: 0 }];
  for (let item = open.pop(); item !== undefined; item = open.pop()) {
    const { node, prefix, branch, level } = item;
    yield { node, branch: `${prefix}${branch}` };
    const deep = level >= DEEPEST_INDENT;
    const inner = branch === "" || deep ? prefix : prefix + (branch === "├─ " ? "│  " : "   ");
    const children = childrenOf(node);
    for (let i = children.length - 1; i >= 0; i--) {
      const drawn = deep ? `[${level + 1}] ` : i === children.length - 1 ? "└─ " : "├─ ";
      open.push({ node: children[i] as N, prefix: inner, branch: drawn, level: level + 1 });
    }
  }
}
