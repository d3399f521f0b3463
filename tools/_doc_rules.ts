/** The documentation rules of this project, over the JSON of `deno doc`: pure, so that they can be tested. */

interface DocTag {
  readonly kind: string;
  readonly name?: string;
  readonly doc?: string;
}

interface JsDoc {
  readonly doc?: string;
  readonly tags?: readonly DocTag[];
}

interface Param {
  readonly kind: string;
  readonly name?: string;
  readonly left?: Param;
  readonly arg?: Param;
}

interface Callable {
  readonly name?: string;
  readonly jsDoc?: JsDoc;
  readonly params?: readonly Param[];
  readonly returnType?: { readonly repr?: string; readonly typeName?: string };
  readonly functionDef?: Callable;
  readonly kind?: string;
  readonly accessibility?: string;
  readonly isStatic?: boolean;
  readonly location?: Location;
}

interface Location {
  readonly filename: string;
  readonly line: number;
}

/** One declaration, as `deno doc --json` prints it. */
export interface Declaration {
  readonly kind: string;
  readonly location: Location;
  readonly jsDoc?: JsDoc;
  readonly def?: Callable & {
    readonly hasBody?: boolean;
    readonly methods?: readonly Callable[];
    readonly properties?: readonly Callable[];
    readonly constructors?: readonly Callable[];
  };
}

/** A symbol of an entry point. */
export interface DocSymbol {
  readonly name: string;
  readonly declarations: readonly Declaration[];
}

/** Finds what is missing in the documentation of a symbol: `file:line name: what`. */
export function checkSymbol({ name, declarations }: DocSymbol): string[] {
  return declarations.flatMap(({ kind, location, jsDoc, def }) => {
    // Described at another entry point.
    if (kind === "reference") return [];
    // Behind its overloads nobody sees the function itself.
    if (def?.hasBody && declarations.some((other) => other.kind === kind && !other.def?.hasBody)) return [];
    const faults: string[] = [];
    const report = (symbol: string, what: string, at: Location = location) =>
      faults.push(`${at.filename}:${at.line + 1} ${symbol}: ${what}`);
    if (!isSentence(jsDoc)) report(name, "begin with a sentence that says what it is or does");
    const categories = (jsDoc?.tags ?? []).filter((tag) => tag.kind === "category").length;
    if (categories !== 1) {
      report(name, `it needs one @category, by which the pages of the API are grouped: found ${categories}`);
    }
    if (kind === "function" || kind === "class") checkExamples(jsDoc, (what) => report(name, what));
    if (kind === "function") {
      checkCallable({ ...def, ...(jsDoc === undefined ? {} : { jsDoc }) }, (what) => report(name, what));
    }
    for (const method of [...def?.methods ?? [], ...def?.constructors ?? []]) {
      if (method.accessibility === "private" || method.name?.startsWith("[Symbol.") || method.kind === "setter") {
        continue;
      }
      const symbol = `${name}.${method.name ?? "constructor"}()`;
      const at = method.location ?? location;
      if (!isSentence(method.jsDoc)) report(symbol, "begin with a sentence that says what it does", at);
      if (method.kind === "getter") continue;
      const callable = { ...method.functionDef, ...method };
      // A hook, or the seam to a host, is called by the library: what it does when cancelled is not its question.
      checkCallable(callable, (what) => report(symbol, what, at), !SEAMS.test(name));
    }
    for (const property of def?.properties ?? []) {
      if (property.accessibility === "private" || isSentence(property.jsDoc)) continue;
      report(`${name}.${property.name}`, "say in one sentence what it is", property.location);
    }
    return faults;
  });
}

/** Interfaces that users implement, or the host does. */
const SEAMS =
  /^(?:Network\w*|HostProcess\w*|ProcessHost|HostWorker|Worker(?:Host|Port|Server)|SignalSource|Clock|Instrument|RunView|Waker|TaskStatus|Alarm\w*|HostOperation|Otel(?:Meter|Observable|ObservableResult|Span|Tracer))$/;

function checkCallable(callable: Callable, report: (what: string) => void, strict = true): void {
  // The hooks of an instrument, which is a class of ours: they are described where the interface is.
  if (!strict || callable.jsDoc?.doc === "Called by the run.") return;
  const tags = callable.jsDoc?.tags ?? [];
  for (const param of callable.params ?? []) {
    const name = (param.left ?? param.arg ?? param).name;
    if (name !== undefined && !tags.some((tag) => tag.kind === "param" && tag.name === name)) {
      report(`@param ${name} is missing`);
    }
  }
  const returns = callable.returnType?.repr ?? "";
  const waits = returns === "Promise";
  if (waits && !/\*\*Cancellation:\*\*/.test(callable.jsDoc?.doc ?? "")) {
    report("it waits: say in a **Cancellation:** paragraph what is lost and what is kept");
  }
  for (const tag of tags) {
    if (tag.kind === "throws" && !/\S/.test(tag.doc ?? "")) report("@throws has to say when");
  }
}

function checkExamples(jsDoc: JsDoc | undefined, report: (what: string) => void): void {
  const examples = (jsDoc?.tags ?? []).filter(({ kind }) => kind === "example");
  if (examples.length === 0) return report("an @example is missing");
  if (examples.length > 2) report("more than two examples: make the third a file in examples/");
  for (const { doc = "" } of examples) {
    const [title = "", ...rest] = doc.split("\n");
    if (title.startsWith("```") || title.trim() === "") report("an @example needs a title");
    const code = rest.join("\n");
    if (!/^```ts$/m.test(code)) report("the fence of an example is `ts`, so that it runs");
    if (!/ from "@trefoil\/io(?:\/\w+)*"/.test(code)) report("an example imports from the package by its name");
  }
}

/**
 * Whether there is text that begins with a capital letter or a symbol, and its first paragraph ends like a sentence.
 */
function isSentence(jsDoc: JsDoc | undefined): boolean {
  const first = (jsDoc?.doc ?? "").trim().split(/\n\s*\n/)[0] ?? "";
  return /^[A-Z`(0-9]/.test(first) && /[.:)]$/.test(first);
}
