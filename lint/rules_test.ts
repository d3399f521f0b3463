import { assert, assertEquals } from "@std/assert";
import { DEFAULT_RULES } from "./_default_rules.ts";
import { fixed, folders, lineAt, lint, marked, shownPart } from "./_testdata/_harness.ts";

for (const { rule, bad, good, about, isStrict } of folders()) {
  Deno.test(`${rule.name} finds what is bad, and nothing else`, () => {
    const lines = [...new Set(lint([rule], bad).map(({ range }) => lineAt(bad, range[0])))];
    assertEquals(lines, [...marked(bad).keys()], "lines");
    const shown = shownPart(bad);
    assert(marked(shown).size > 0, "the part that is shown has nothing bad");
    assertEquals(
      [...new Set(lint([rule], shown).map(({ range }) => lineAt(shown, range[0])))],
      [...marked(shown).keys()],
      "the part that is shown, alone",
    );
  });

  Deno.test(`${rule.name} finds nothing in what is good, and neither does any rule of the plugin`, () => {
    const rules = isStrict ? [...DEFAULT_RULES, rule] : DEFAULT_RULES;
    const found = lint(rules, good).map(({ id, range, message }) => `${lineAt(good, range[0])} ${id} ${message}`);
    assertEquals(found, []);
  });

  Deno.test(`${rule.name} says what is wrong, what to write, and where that is explained`, () => {
    for (const { message, hint = "" } of lint([rule], bad)) {
      assert(/^[A-Z"]/.test(message) && !/[.!]$/.test(message), message);
      assert(hint.endsWith(`See docs/lint.md#${rule.name}`), hint);
    }
    assert(about.length > 100);
  });

  Deno.test(`${rule.name}: its fixes leave nothing that they should mend`, () => {
    const before = lint([rule], bad);
    const hasFixes = before.some(({ fix = [] }) => fix.length > 0);
    assertEquals(/^\*\*Fix:\*\* `deno lint --fix` /m.test(about), hasFixes, "about.md says whether there is a fix");
    const { text, left } = fixed([rule], bad);
    assertEquals(left.filter(({ fix = [] }) => fix.length > 0), [], "after five passes");
    const lines = [...new Set(left.map(({ range }) => text.split("\n")[lineAt(text, range[0]) - 1] ?? ""))];
    const wrong = hasFixes ? lines.filter((line) => !line.endsWith("BAD, no fix")) : [];
    assertEquals(wrong, []);
    assertEquals(
      lines.length,
      hasFixes ? [...marked(bad).values()].filter((mark) => mark !== "BAD").length : marked(bad).size,
    );
  });
}
