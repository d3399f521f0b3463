/**
 * The monitor in a terminal:
 *
 * ```sh
 * deno run --allow-net=127.0.0.1 jsr:@trefoil/io/top http://127.0.0.1:9001/#<token>
 * ```
 *
 * The URL is what `openMonitor()` has as its `url`. Where the output is no terminal, it prints what there is once.
 *
 * @module
 */

import { pause } from "./_pause.ts";
import { firstState, keysIn, press, screenOf, textOfSnapshot, type Wish } from "./_screen.ts";
import { ageText } from "./_view.ts";
import type { Snapshot } from "./_wire.ts";

const USAGE = "Usage: deno run --allow-net=127.0.0.1 jsr:@trefoil/io/top http://127.0.0.1:9001/#<token>";
/** How often the screen is drawn anew without a snapshot, in milliseconds. */
const TICK = 250;

/** Where a monitor is. */
interface Target {
  readonly origin: string;
  readonly token: string;
  /** For Unix sockets. */
  readonly client: Deno.HttpClient | undefined;
}

/** Finds out where the monitor is; a string is what is wrong. */
function targetOf(args: readonly string[]): Target | string {
  const [url] = args;
  if (args.length !== 1 || url === undefined) return USAGE;
  const [, path, secret] = /^http\+unix:\/\/([^/]*)\/#(.*)$/.exec(url) ?? [];
  if (path !== undefined) {
    const client = Deno.createHttpClient({ proxy: { transport: "unix", path: decodeURIComponent(path) } });
    return { origin: "http://localhost", token: secret as string, client };
  }
  if (!URL.canParse(url) || !/^https?:/.test(url)) return `Cannot read the URL "${url}"\n${USAGE}`;
  const { origin, hash } = new URL(url);
  if (hash.length < 2) {
    return `Cannot show the monitor as its token is missing: it stands behind the # of its URL\n${USAGE}`;
  }
  return { origin, token: hash.slice(1), client: undefined };
}

function ask({ origin, token, client }: Target, path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(`${origin}${path}`, {
    ...init,
    headers: { authorization: `Bearer ${token}` },
    ...client === undefined ? {} : { client },
  });
}

/** Prints everything once. */
async function printOnce(target: Target): Promise<number> {
  const response = await ask(target, "/snapshot");
  const text = await response.text();
  await write(`${response.ok ? textOfSnapshot(JSON.parse(text)) : text.trimEnd()}\n`);
  return response.ok ? 0 : 1;
}

async function write(text: string): Promise<void> {
  const bytes = new TextEncoder().encode(text);
  for (let sent = 0; sent < bytes.length;) sent += await Deno.stdout.write(bytes.subarray(sent));
}

/** Shows the monitor until `q` is pressed. */
async function show(target: Target): Promise<number> {
  let state = firstState();
  let latest: Snapshot | null = null;
  let shown: Snapshot | null = null;
  let before: Snapshot | null = null;
  let updatedAt = Date.now();
  let trouble = `Connecting to ${target.origin} …`;
  let over = false;
  const stop = new AbortController();

  const draw = async (): Promise<void> => {
    if (over) return;
    const size = Deno.consoleSize();
    const silent = Date.now() - updatedAt;
    const isSilent = trouble === "" && latest !== null && silent > Math.max(3 * latest.settings.interval, 2_000);
    const notice = isSilent ? `Last update ${ageText(silent)} ago: the event loop of the program is blocked.` : trouble;
    const lines = shown === null ? [notice] : screenOf(shown, state, { size, before, notice });
    await write(`\x1b[H${lines.map((line) => `${line}\x1b[K`).join("\r\n")}\x1b[J`);
  };
  const listen = async (): Promise<void> => {
    while (!over) {
      let wait = 1_000;
      try {
        const response = await ask(target, "/snapshot", { signal: stop.signal });
        if (response.ok) {
          const next: Snapshot = await response.json();
          [before, latest] = [latest, next];
          updatedAt = Date.now();
          trouble = "";
          if (!state.paused) shown = latest;
          wait = Math.max(next.settings.interval, next.took * 10);
        } else trouble = (await response.text()).trim();
      } catch (error) {
        if (over) return;
        trouble = `The program cannot be reached: it may have ended; trying again … (${error})`;
      }
      await draw();
      await pause(wait, stop.signal);
    }
  };
  const tick = async (): Promise<void> => {
    while (!over) {
      await draw();
      await pause(TICK, stop.signal);
    }
  };
  const fulfil = async (wish: Wish): Promise<void> => {
    if (wish?.kind !== "cancel") return;
    const { run, task } = wish.row;
    let said: string;
    try {
      const response = await ask(target, `/cancel?run=${run}&task=${task}`, { method: "POST" });
      const text = await response.text();
      said = response.ok ? `cancelled ${wish.row.cells[0]}` : text.trim();
    } catch (error) {
      said = `not cancelled: ${error}`;
    }
    state = { ...state, said };
  };

  const keys = async (): Promise<void> => {
    const decoder = new TextDecoder();
    const buffer = new Uint8Array(256);
    for (let length = await Deno.stdin.read(buffer); length !== null; length = await Deno.stdin.read(buffer)) {
      for (const key of keysIn(decoder.decode(buffer.subarray(0, length), { stream: true }))) {
        const [next, wish] = press(state, key, shown);
        state = next;
        if (!state.paused && latest !== null) shown = latest;
        if (wish?.kind === "quit") return;
        await fulfil(wish);
      }
      await draw();
    }
  };

  Deno.stdin.setRaw(true);
  try {
    await write("\x1b[?1049h\x1b[?25l");
    // The others go on until it is over; if one fails, as where the terminal has gone, that ends all.
    await Promise.race([keys(), listen(), tick()]);
    return 0;
  } finally {
    over = true;
    stop.abort();
    await write("\x1b[?25h\x1b[?1049l");
    Deno.stdin.setRaw(false);
  }
}

async function main(args: readonly string[]): Promise<number> {
  const target = targetOf(args);
  if (typeof target === "string") {
    // deno-lint-ignore no-console -- a program
    console.error(target);
    return 2;
  }
  try {
    return await (Deno.stdin.isTerminal() && Deno.stdout.isTerminal() ? show(target) : printOnce(target));
  } catch (error) {
    // deno-lint-ignore no-console -- a program
    console.error(`Cannot show the monitor at ${target.origin} as it must answer: ${error}`);
    return 1;
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
