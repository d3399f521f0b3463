/**
 * The notation in which the tables write shapes down. It reads like types of TypeScript: `(ms, (CancelScope) => $T) =>
 * Promise<$T>`. `?` is what nothing is known of, `$T` a type parameter, `ms` a length of time in milliseconds, `List<T>`
 * an array.
 */

import type { Shape } from "./_shapes.ts";

const known = new Map<string, Shape>();

/** The shape that a text of the tables says. */
export function shapeOf(text: string): Shape {
  let shape = known.get(text);
  if (shape === undefined) known.set(text, shape = new Reader(text).union());
  return shape;
}

class Reader {
  readonly #tokens: readonly string[];
  #at = 0;

  constructor(text: string) {
    this.#tokens = text.match(/=>|\.\.\.|\$?\w+|\S/g) ?? [];
  }

  union(): Shape {
    const parts = this.#joined("|", () => this.#joined("&", () => this.#one(), "both"), "either");
    return parts;
  }

  #joined(sign: string, next: () => Shape, kind: "either" | "both"): Shape {
    const parts = [next()];
    while (this.#takes(sign)) parts.push(next());
    return parts.length === 1 ? parts[0] ?? null : [kind, parts];
  }

  #one(): Shape {
    const token = this.#tokens[this.#at++] ?? "?";
    switch (token) {
      case "?":
        return null;
      case "ms":
        return ["milliseconds"];
      case "[":
        return ["tuple", this.#list("]")];
      case "...":
        return ["rest", this.#one()];
      case "{": {
        const members: Record<string, Shape> = {};
        while (!this.#takes("}")) {
          const name = this.#tokens[this.#at] ?? "";
          this.#at += 2;
          members[name] = this.union();
          this.#takes(",");
        }
        return ["members", members];
      }
      case "(": {
        const inner = this.#list(")");
        return this.#takes("=>") ? ["function", inner, this.union()] : inner[0] ?? null;
      }
    }
    if (token.startsWith("$")) return ["parameter", token.slice(1)];
    const args = this.#takes("<") ? this.#list(">") : [];
    if (token === "Promise") return ["promise", args[0] ?? null];
    if (token === "AsyncIterable") return ["iterable", args[0] ?? null];
    if (token === "List") return ["list", args[0] ?? null];
    return ["ours", token, args];
  }

  #list(end: string): Shape[] {
    const shapes: Shape[] = [];
    while (!this.#takes(end)) {
      shapes.push(this.union());
      this.#takes(",");
    }
    return shapes;
  }

  #takes(token: string): boolean {
    if (this.#tokens[this.#at] !== token) return false;
    this.#at++;
    return true;
  }
}
