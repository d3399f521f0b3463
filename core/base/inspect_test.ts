import { assert, assertEquals } from "@std/assert";
import { inspect } from "node:util";
import { inspectable } from "./inspect.ts";

class Box {
  static {
    inspectable(this, "Box", (box) => ({ name: box.#name, value: box.value }));
  }
  readonly #name: string;
  value: unknown;

  constructor(name: string, value?: unknown) {
    this.#name = name;
    this.value = value;
  }
}

/** As the consoles of Deno and of Node show it; with the quotes of Deno. */
function shown(value: unknown): [string, string] {
  return [Deno.inspect(value), inspect(value).replaceAll("'", '"')];
}

const both = (text: string): [string, string] => [text, text];

Deno.test("an object with private state shows its name and what says something, on Deno and on Node", () => {
  assertEquals(shown(new Box("a", 1)), both('Box { name: "a", value: 1 }'));
  assertEquals(shown([new Box("a")]), both('[ Box { name: "a" } ]'));
  assertEquals(shown(new Box("")), both("Box"));
});

Deno.test("a picture ends: with an object inside itself, and as deep as was asked for", () => {
  const box = new Box("a");
  box.value = [box];
  assertEquals(shown(box), both('Box { name: "a", value: [ [Circular Box] ] }'));
  box.value = { a: { b: { c: { d: { e: 1 } } } } };
  for (const text of shown(box)) assert(text.includes("[Object]"), text);
  // As Node calls it at the end of its depth.
  const { [inspect.custom]: custom } = box as unknown as Record<symbol, (depth: number, options: object) => string>;
  assertEquals(custom?.call(box, -1, {}), "[Box]");
});

Deno.test("to show an object never throws, whatever is inside, nor does to show its class", () => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  const thrower = {
    [Symbol.for("Deno.customInspect")]() {
      throw new Error("mine");
    },
    [Symbol.for("nodejs.util.inspect.custom")]() {
      throw new Error("mine");
    },
  };
  for (const value of [proxy, thrower]) for (const text of shown(new Box("a", value))) assert(text.startsWith("Box"));
  assertEquals(shown(Box.prototype), both("Box"));
  assertEquals(Object.keys(new Box("a")), ["value"]);
});
