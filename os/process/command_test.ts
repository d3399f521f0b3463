import { assertEquals, assertThrows } from "@std/assert";
import { partsOfCommand, showCommand } from "./_command.ts";
import type { Command } from "./command.ts";

Deno.test("P1: a command is a program and its arguments, and nothing that the host would make a text of", () => {
  assertEquals(partsOfCommand("run", "true"), ["true"]);
  assertEquals(partsOfCommand("run", ["git", "log", ""]), ["git", "log", ""]);
  const wrong: [unknown, string][] = [
    [[], "an empty array"],
    [undefined, "received undefined"],
    [7, "received 7"],
    [["git", undefined], 'part 1 of "command" must be a string: received undefined'],
    [["git", 1], 'part 1 of "command" must be a string: received 1'],
    [["git", , "log"], 'part 1 of "command" must be a string: received undefined'],
    [["git", "a\0b"], 'part 1 of "command" must not contain a NUL: received "a\\u0000b"'],
    ["", 'must name a program: received ""'],
    [["", "log"], 'must name a program: received ""'],
  ];
  for (const [command, text] of wrong) {
    assertThrows(() => partsOfCommand("run", command as Command), TypeError, text);
  }
});

Deno.test("P12: a command is shown as one would type it, without what moves a cursor, and not at any length", () => {
  assertEquals(showCommand(["git", "log", "--format=%h %s"]), "git log '--format=%h %s'");
  assertEquals(showCommand(["sh", "-c", "echo 'a'", ""]), "sh -c 'echo '\\''a'\\''' ''");
  assertEquals(showCommand(["printf", "\x1b[2J\na\tb"]), "printf '\\x1b[2J\\na\\tb'");
  const long = showCommand(["echo", "x".repeat(500)]);
  assertEquals([long.length, long.at(-1)], [200, "…"]);
});

Deno.test("P18: on Windows a batch file is refused, whose arguments nobody can quote for", () => {
  for (const program of ["build.cmd", "C:\\x\\BUILD.BAT"]) {
    assertThrows(() => partsOfCommand("run", [program], { windows: true }), TypeError, 'write ["cmd", "/c", ');
    assertEquals(partsOfCommand("run", [program]), [program]);
  }
});
