/**
 * Subjects of NATS: words between dots. In a subscription `*` stands for one word, and `>` at the end for one or more.
 */

/** Says whether a subject is one that can be subscribed to. */
export function isFilter(subject: string): boolean {
  const words = subject.split(".");
  return words.every((word, i) => word !== "" && !/\s/.test(word) && (word !== ">" || i === words.length - 1));
}

/** Says whether a subject is one that can be published to. */
export function isLiteral(subject: string): boolean {
  return isFilter(subject) && !subject.split(".").some((word) => word === "*" || word === ">");
}

/** Says whether a filter takes a subject, or all that another filter takes. */
export function matches(filter: string, subject: string): boolean {
  if (filter === subject || filter === ">") return true;
  const wanted = filter.split(".");
  const words = subject.split(".");
  for (const [i, word] of wanted.entries()) {
    if (word === ">") return words.length > i;
    if (words[i] === undefined || words[i] === ">") return false;
    if (word !== "*" && word !== words[i]) return false;
  }
  return wanted.length === words.length;
}

/** Says whether there is a subject that both filters take. */
export function overlap(a: string, b: string): boolean {
  const left = a.split(".");
  const right = b.split(".");
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const [x, y] = [left[i], right[i]];
    if (x === undefined || y === undefined) return false;
    if (x === ">" || y === ">") return true;
    if (x !== "*" && y !== "*" && x !== y) return false;
  }
  return true;
}

interface Node<T> {
  readonly words: Map<string, Node<T>>;
  readonly here: Set<T>;
}

/**
 * Who has subscribed to what: a tree of words. Finding all who take a subject costs as many steps as it has words, times
 * the wildcards on the way, however many others there are.
 */
export class Interest<T> {
  readonly #root: Node<T> = { words: new Map(), here: new Set() };

  add(filter: string, who: T): void {
    let node = this.#root;
    for (const word of filter.split(".")) {
      let next = node.words.get(word);
      if (next === undefined) node.words.set(word, next = { words: new Map(), here: new Set() });
      node = next;
    }
    node.here.add(who);
  }

  delete(filter: string, who: T): void {
    const path: [node: Node<T>, word: string][] = [];
    let node = this.#root;
    for (const word of filter.split(".")) {
      const next = node.words.get(word);
      if (next === undefined) return;
      path.push([node, word]);
      node = next;
    }
    node.here.delete(who);
    for (let at = path.pop(); at !== undefined && node.here.size + node.words.size === 0; at = path.pop()) {
      [node] = at;
      node.words.delete(at[1]);
    }
  }

  /** All who take a subject. */
  find(subject: string): T[] {
    const found: T[] = [];
    const words = subject.split(".");
    const step = (node: Node<T>, i: number): void => {
      if (i === words.length) {
        for (const who of node.here) found.push(who);
        return;
      }
      for (const who of node.words.get(">")?.here ?? []) found.push(who);
      const literal = node.words.get(words[i]!);
      if (literal !== undefined) step(literal, i + 1);
      const any = node.words.get("*");
      if (any !== undefined) step(any, i + 1);
    };
    step(this.#root, 0);
    return found;
  }
}
