import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { ClosedResourceError, moveOnAfter, openNursery, sleep } from "../../core/mod.ts";
import { simulated } from "../../testing/mod.ts";
import { openRawMode } from "./raw_mode.ts";
import { openTerminalSize, terminalSize } from "./terminal_size.ts";

/** Puts a terminal of a size in the place of the host's; `null` for none. */
async function atTerminal(
  body: (resize: (columns: number | null) => void) => unknown,
  columns: number | null = 100,
): Promise<void> {
  const { consoleSize } = Deno;
  let width = columns;
  Deno.consoleSize = () => {
    if (width === null) throw new Error("Inappropriate ioctl for device");
    return { columns: width, rows: 30 };
  };
  try {
    await body((columns) => width = columns);
  } finally {
    Deno.consoleSize = consoleSize;
  }
}

Deno.test("T4: terminalSize() is null without a terminal, and with one that does not know its size", () =>
  atTerminal((resize) => {
    assertEquals(terminalSize(), { columns: 100, rows: 30 });
    for (const none of [null, 0]) {
      resize(none);
      assertEquals(terminalSize(), null);
    }
  }));

Deno.test(
  "T4: openTerminalSize() gives the latest size when the window changes, in a simulation at its time",
  simulated((sim) =>
    atTerminal(async (resize) => {
      using size = openTerminalSize();
      const log: unknown[] = [];
      await openNursery(async (nursery) => {
        nursery.startSoon(async () => {
          for await (const latest of size) log.push([sim.now, latest?.columns]);
        }, { daemon: true });
        for (const columns of [80, 60]) {
          await sleep(100);
          resize(columns);
          sim.signal("SIGWINCH");
        }
        await sleep(1);
        // Two before anybody looks are one.
        for (const columns of [50, 40]) {
          resize(columns);
          sim.signal("SIGWINCH");
        }
        await sleep(1);
      });
      assertEquals(log, [[100, 80], [200, 60], [201, 40]]);
      assertEquals([size.value, Deno.inspect(size)], [
        { columns: 40, rows: 30 },
        "TerminalSizeWatch { value: { columns: 40, rows: 30 } }",
      ]);
    })
  ),
);

Deno.test(
  "T4: a cancelled wait counts no change as seen; closing wakes those that wait, and nobody listens then",
  simulated((sim) =>
    atTerminal(async (resize) => {
      const size = openTerminalSize();
      assertEquals((await moveOnAfter(5, () => size.changed())).cancelledCaught, true);
      resize(80);
      sim.signal("SIGWINCH");
      assertEquals((await size.changed())?.columns, 80);
      await openNursery(async (nursery) => {
        const waiting = nursery.startSoon(() => size.changed().catch((error) => error));
        await sim.settled();
        size.close();
        size.close();
        assertEquals(await waiting.join() instanceof ClosedResourceError, true);
      });
      await assertRejects(() => size.changed(), ClosedResourceError, "the watch of it is closed");
      assertThrows(() => sim.signal("SIGWINCH"), TypeError, "nobody does");
    })
  ),
);

Deno.test("T3: openRawMode() refuses what is no terminal, and wrong options, before it changes anything", () => {
  const { isTerminal, setRaw } = Deno.stdin;
  const calls: unknown[] = [];
  Deno.stdin.setRaw = (...args) => void calls.push(args);
  try {
    Deno.stdin.isTerminal = () => false;
    assertThrows(() => openRawMode(), TypeError, "Cannot open the raw mode as stdin must be a terminal: it is not");
    assertThrows(() => openRawMode({ cbreak: "yes" as never }), TypeError, '"cbreak" must be true or false');
    assertThrows(() => openRawMode(5 as never), TypeError, '"options"');
    assertEquals(calls, []);
    Deno.stdin.isTerminal = () => true;
    const [first, second, third] = [openRawMode(), openRawMode({ cbreak: true }), openRawMode()];
    third[Symbol.dispose]();
    first[Symbol.dispose]();
    second[Symbol.dispose]();
    second[Symbol.dispose]();
    const [raw, cbreak, none] = [[true, { cbreak: false }], [true, { cbreak: true }], [false]];
    assertEquals(calls, [raw, cbreak, raw, cbreak, cbreak, none]);
  } finally {
    Object.assign(Deno.stdin, { isTerminal, setRaw });
  }
});
