/**
 * A browser without a window, for tests of pages: Chromium, over its debugging WebSocket on loopback.
 *
 *     const here = { ignore: !isChromiumThere() };              // one line says so where it is missing
 *     await using browser = await openBrowser();                // some 0.5 s; one for all tests of a file is enough
 *     const page = await browser.open("http://127.0.0.1:9001/"); // also file: URLs; returns once it has loaded
 *     await page.waitFor("document.querySelectorAll('tr').length > 3");
 *     assertEquals(await page.evaluate("document.title"), "Monitor");
 *     await page.click("#tab-locks");                           // a real click, in the middle of what is shown there
 *     await page.screenshot("/tmp/locks.png");
 *     assertEquals(page.problems, []);                          // errors on the console, exceptions, what CSP refused
 *     assertEquals(page.elsewhere, []);                         // requests to anything but where the page came from
 *
 * Permissions: `--allow-run --allow-net=127.0.0.1`, and reading and writing temporary files.
 *
 * Nothing is left behind: the browser has a folder of its own, and a shell between it and us that kills it as soon as
 * our end of a pipe is closed, also where this process is killed. Everything has a limit: the start, each command, each
 * wait for a condition. Names are not resolved: a page that wants something of the network fails to get it, and that is
 * among `elsewhere`. No option makes Chromium look for an icon; of a page over HTTP without one it asks for
 * `/favicon.ico`, which is not counted as a problem.
 *
 * Over 400 lines, as it is one thing to those who use it: how a browser is started, spoken to and ended is nobody else's.
 */

import { dirname } from "node:path";

const PROGRAM = "/usr/bin/chromium";
/** For the start, and for each command: far longer than either takes on a busy machine. */
const LONGEST = 30_000;
const FLAGS: readonly string[] = [
  "--headless=new",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-dev-shm-usage",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-default-apps",
  "--disable-extensions",
  "--disable-sync",
  "--disable-breakpad",
  "--no-first-run",
  "--no-default-browser-check",
  "--hide-scrollbars",
  "--mute-audio",
  "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
  "--remote-debugging-port=0",
];
/**
 * Runs a program until its input is closed, which is also what happens when we are killed; then all its processes end,
 * and its folder goes.
 */
const LEASH = 'folder=$1; shift; exec 3<&0; setsid "$@" </dev/null >/dev/null 2>&1 & browser=$!; ' +
  "{ read -r _ <&3; kill -9 -$browser; } 2>/dev/null & leash=$!; " +
  "wait $browser; kill $leash; kill -9 -$browser; " +
  'for _ in 1 2 3 4 5 6 7 8 9; do rm -rf -- "$folder" && break; sleep 0.1; done';

/** Whether there is a browser for `openBrowser()`; if not, says in one line that tests are left out. */
export function isChromiumThere(): boolean {
  try {
    return Deno.statSync(PROGRAM).isFile;
  } catch {
    // deno-lint-ignore no-console
    console.log(`SKIPPED: tests of pages, as there is no ${PROGRAM}`);
    return false;
  }
}

/** Where a pointer is, in pixels from the top left of what is shown. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** Starts a browser. */
export async function openBrowser(): Promise<Browser> {
  const folder = await Deno.makeTempDir({ prefix: "trefoil-chromium-" });
  const process = new Deno.Command("/bin/sh", {
    args: ["-c", LEASH, "sh", folder, PROGRAM, ...FLAGS, `--user-data-dir=${folder}`, "about:blank"],
    env: { HOME: folder, XDG_CONFIG_HOME: folder, XDG_CACHE_HOME: folder },
    stdin: "piped",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const end = async (): Promise<void> => {
    await process.stdin.close().catch(() => {});
    await process.status;
  };
  try {
    const ended = process.status.then(() => true);
    const address = await addressIn(folder, () => Promise.race([ended, pause(20).then(() => false)]));
    return new Browser(await Connection.open(address), folder, end);
  } catch (error) {
    await end();
    throw error;
  }
}

/** A running browser: `openBrowser()`. */
export class Browser implements AsyncDisposable {
  /** Where it writes: a temporary folder, which goes with it. */
  readonly folder: string;
  readonly #connection: Connection;
  readonly #end: () => Promise<void>;
  #closing: Promise<void> | null = null;

  /** For `openBrowser()`. */
  constructor(connection: Connection, folder: string, end: () => Promise<void>) {
    this.#connection = connection;
    this.folder = folder;
    this.#end = end;
  }

  /** Opens a page in a tab of its own, 1,280 by 800 pixels, and waits until it has loaded. */
  async open(url: string): Promise<Page> {
    const { targetId } = await this.#connection.send("Target.createTarget", { url: "about:blank" });
    const { sessionId } = await this.#connection.send("Target.attachToTarget", { targetId, flatten: true });
    const page = new Page(this.#connection, sessionId as string, targetId as string, url);
    await page.start();
    return page;
  }

  /** Ends the browser. Returns once its processes and its folder are gone. */
  async close(): Promise<void> {
    await (this.#closing ??= (async () => {
      await this.#connection.close();
      await this.#end();
    })());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** A page in a browser: `browser.open()`. */
export class Page {
  /** Errors and warnings on the console, exceptions nobody has caught, and what the browser itself complains of. */
  readonly problems: string[] = [];
  /** What was asked for elsewhere than where the page came from; of a file, anything but the file. */
  readonly elsewhere: string[] = [];
  /** All URLs that were asked for. */
  readonly requests: string[] = [];
  readonly #connection: Connection;
  readonly #session: string;
  readonly #target: string;
  readonly #url: string;
  #loaded: () => void = () => {};

  /** For `Browser`. */
  constructor(connection: Connection, session: string, target: string, url: string) {
    this.#connection = connection;
    this.#session = session;
    this.#target = target;
    this.#url = url;
    connection.listen(session, (method, params) => this.#event(method, params));
  }

  /** For `Browser`: goes to the page. */
  async start(): Promise<void> {
    for (const domain of ["Page", "Runtime", "Log", "Network"]) await this.#send(`${domain}.enable`);
    await this.setViewport(1_280, 800);
    await this.goto(this.#url);
  }

  /** Goes to another page, or to the same once more. */
  async goto(url: string): Promise<void> {
    const loaded = new Promise<void>((resolve) => this.#loaded = resolve);
    const { errorText } = await this.#send("Page.navigate", { url });
    if (errorText !== undefined) throw new Error(`Cannot open ${url} as it must load: ${errorText}`);
    await inTime(loaded, `open ${url}`);
  }

  /**
   * Evaluates an expression, or calls a function with what JSON can hold, and returns what JSON can hold. A promise is
   * awaited. An exception is thrown here.
   */
  async evaluate<T = unknown, A extends readonly unknown[] = []>(
    code: string | ((...args: A) => T | Promise<T>),
    ...args: A
  ): Promise<T> {
    const expression = typeof code === "string" ? code : `(${code})(${args.map((arg) => JSON.stringify(arg)).join()})`;
    const { result, exceptionDetails } = await this.#send("Runtime.evaluate", {
      expression,
      awaitPromise: true,
      returnByValue: true,
      userGesture: true,
    });
    if (exceptionDetails !== undefined) {
      throw new Error(`Cannot evaluate as it must not throw: ${wordsOf(exceptionDetails as Details)}\n${expression}`);
    }
    return (result as { readonly value: T }).value;
  }

  /** Waits until an expression is true in the page, which is looked at every 20 ms. */
  async waitFor(expression: string, ms = 10_000): Promise<void> {
    const last = await this.evaluate(`new Promise((resolve) => {
      const end = performance.now() + ${ms};
      const look = () => {
        let last;
        try {
          if (${expression}) return resolve(null);
          last = "it is false";
        } catch (error) { last = String(error); }
        if (performance.now() >= end) resolve(last);
        else setTimeout(look, 20);
      };
      look();
    })`);
    if (last !== null) {
      throw new Error(`Cannot go on as the page must come to "${expression}" within ${ms} ms: ${last}`);
    }
  }

  /** Clicks in the middle of an element, which is scrolled to if need be, or at a point. */
  async click(where: string | Point): Promise<void> {
    const point = typeof where === "string" ? await this.centreOf(where) : where;
    await this.move(point);
    await this.#mouse("mousePressed", point, { button: "left", clickCount: 1 });
    await this.#mouse("mouseReleased", point, { button: "left", clickCount: 1 });
  }

  /** Where the middle of an element is. */
  async centreOf(selector: string): Promise<Point> {
    const point = await this.evaluate<Point | null>(`(() => {
      const found = document.querySelector(${JSON.stringify(selector)});
      if (found === null) return null;
      found.scrollIntoView({ block: "nearest", inline: "nearest" });
      const { x, y, width, height } = found.getBoundingClientRect();
      return { x: x + width / 2, y: y + height / 2 };
    })()`);
    if (point === null) throw new Error(`Cannot find an element as the page must have one: "${selector}"`);
    return point;
  }

  /** Moves the pointer. */
  async move(to: Point): Promise<void> {
    await this.#mouse("mouseMoved", to);
  }

  /** Moves the pointer with its button down, in a few steps. */
  async drag(from: Point, to: Point): Promise<void> {
    await this.move(from);
    await this.#mouse("mousePressed", from, { button: "left", clickCount: 1 });
    for (const part of [0.25, 0.5, 0.75, 1]) {
      const point = { x: from.x + (to.x - from.x) * part, y: from.y + (to.y - from.y) * part };
      await this.#mouse("mouseMoved", point, { button: "left", buttons: 1 });
    }
    await this.#mouse("mouseReleased", to, { button: "left", clickCount: 1 });
  }

  /** Turns the wheel, by pixels; with a modifier: 1 Alt, 2 Control, 4 Meta, 8 Shift, or a sum of them. */
  async wheel(at: Point, { x = 0, y = 0, modifiers = 0 }: Partial<Point> & { modifiers?: number }): Promise<void> {
    await this.#mouse("mouseWheel", at, { deltaX: x, deltaY: y, modifiers });
  }

  /** Presses a key, by its name in `KeyboardEvent.key`: `"ArrowLeft"`, `"Enter"`, `"a"`. */
  async press(key: string, modifiers = 0): Promise<void> {
    const text = key === "Enter" ? "\r" : key.length === 1 && (modifiers & 6) === 0 ? key : undefined;
    const same = { key, code: CODES[key] ?? (/^[a-z]$/i.test(key) ? `Key${key.toUpperCase()}` : key), modifiers };
    const windowsVirtualKeyCode = KEY_CODES[key] ?? key.toUpperCase().charCodeAt(0);
    await this.#send("Input.dispatchKeyEvent", {
      type: text === undefined ? "rawKeyDown" : "keyDown",
      ...same,
      windowsVirtualKeyCode,
      ...(text === undefined ? {} : { text }),
    });
    await this.#send("Input.dispatchKeyEvent", { type: "keyUp", ...same, windowsVirtualKeyCode });
  }

  /** Types text into what has the focus. */
  async type(text: string): Promise<void> {
    await this.#send("Input.insertText", { text });
  }

  /** Makes a picture of what is shown, as a PNG; writes it into a file, if one is named. */
  async screenshot(path?: string): Promise<Uint8Array<ArrayBuffer>> {
    const { data } = await this.#send("Page.captureScreenshot", { format: "png" });
    const bytes = Uint8Array.fromBase64(data as string);
    if (path !== undefined) {
      await Deno.mkdir(dirname(path), { recursive: true });
      await Deno.writeFile(path, bytes);
    }
    return bytes;
  }

  /** What `prefers-color-scheme` says. */
  async setColorScheme(value: "light" | "dark"): Promise<void> {
    await this.#send("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value }] });
  }

  /** How large the page is shown, in pixels of CSS; `scale`: how many pixels of the screen each has. */
  async setViewport(width: number, height: number, scale = 1): Promise<void> {
    await this.#send("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: scale, mobile: false });
  }

  /** Closes its tab. */
  async close(): Promise<void> {
    await this.#connection.send("Target.closeTarget", { targetId: this.#target });
  }

  #send(method: string, params: Readonly<Record<string, unknown>> = {}): Promise<Result> {
    return this.#connection.send(method, params, this.#session);
  }

  async #mouse(type: string, { x, y }: Point, more: Readonly<Record<string, unknown>> = {}): Promise<void> {
    await this.#send("Input.dispatchMouseEvent", { type, x, y, ...more });
  }

  #event(method: string, params: Result): void {
    if (method === "Page.loadEventFired") this.#loaded();
    else if (method === "Runtime.exceptionThrown") this.problems.push(wordsOf(params["exceptionDetails"] as Details));
    else if (method === "Runtime.consoleAPICalled") {
      const { type, args } = params as { type: string; args: readonly RemoteObject[] };
      if (!["error", "warning", "assert"].includes(type)) return;
      this.problems.push(`${type}: ${args.map(({ value, description }) => description ?? `${value}`).join(" ")}`);
    } else if (method === "Log.entryAdded") {
      const { level, text, url } = params["entry"] as { level: string; text: string; url?: string };
      if ((level === "error" || level === "warning") && !/\/favicon\.ico$/.test(url ?? "")) {
        this.problems.push(`${level}: ${text}${url === undefined ? "" : ` (${url})`}`);
      }
    } else if (method === "Network.requestWillBeSent") this.#asked((params["request"] as { url: string }).url);
    else if (method === "Network.webSocketCreated") this.#asked(params["url"] as string);
  }

  #asked(url: string): void {
    if (/^(?:data|blob|about):/.test(url)) return;
    this.requests.push(url);
    const own = new URL(this.#url);
    const { origin, href, host, protocol } = new URL(url);
    const isOwn = own.protocol === "file:"
      ? href === own.href
      : origin === own.origin || /^wss?:$/.test(protocol) && host === own.host;
    if (!isOwn) this.elsewhere.push(url);
  }
}

type Result = Readonly<Record<string, unknown>>;

interface RemoteObject {
  readonly value?: unknown;
  readonly description?: string;
}

interface Details {
  readonly text: string;
  readonly exception?: RemoteObject;
}

const CODES: Readonly<Record<string, string>> = { " ": "Space", "+": "Equal", "-": "Minus", "/": "Slash" };
const KEY_CODES: Readonly<Record<string, number>> = {
  ArrowLeft: 37,
  ArrowUp: 38,
  ArrowRight: 39,
  ArrowDown: 40,
  Enter: 13,
  Escape: 27,
  Tab: 9,
  Home: 36,
  End: 35,
  PageUp: 33,
  PageDown: 34,
  "+": 187,
  "-": 189,
  "/": 191,
};

/** Commands and events of the protocol, over one WebSocket for all pages. */
class Connection {
  readonly #socket: WebSocket;
  readonly #closed: Promise<void>;
  readonly #answers = new Map<number, PromiseWithResolvers<Result> & { readonly method: string }>();
  readonly #listeners = new Map<string, (method: string, params: Result) => void>();
  #id = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    this.#closed = new Promise((resolve) => socket.onclose = () => resolve());
    this.#closed.then(() => {
      for (const { reject, method } of this.#answers.values()) reject(gone(method));
      this.#answers.clear();
    });
    socket.onmessage = ({ data }) => this.#message(JSON.parse(data as string));
  }

  static async open(address: string): Promise<Connection> {
    const socket = new WebSocket(address);
    const open = new Promise<void>((resolve, reject) => {
      socket.onopen = () => resolve();
      socket.onerror = () => reject(new Error(`Cannot reach Chromium as ${address} must answer: it does not`));
    });
    const connection = new Connection(socket);
    await inTime(open, "connect to Chromium");
    // It closes as well, which ends what waits.
    socket.onerror = () => {};
    return connection;
  }

  listen(session: string, listener: (method: string, params: Result) => void): void {
    this.#listeners.set(session, listener);
  }

  async send(method: string, params: Result, sessionId?: string): Promise<Result> {
    if (this.#socket.readyState !== WebSocket.OPEN) throw gone(method);
    const id = ++this.#id;
    const answer = { ...Promise.withResolvers<Result>(), method };
    this.#answers.set(id, answer);
    this.#socket.send(JSON.stringify({ id, method, params, ...(sessionId === undefined ? {} : { sessionId }) }));
    try {
      return await inTime(answer.promise, method);
    } finally {
      this.#answers.delete(id);
    }
  }

  async close(): Promise<void> {
    this.#socket.close();
    await inTime(this.#closed, "close the connection to Chromium").catch(() => {});
  }

  #message(message: Message): void {
    if ("id" in message) {
      const answer = this.#answers.get(message.id);
      if (message.error === undefined) answer?.resolve(message.result ?? {});
      else answer?.reject(new Error(`Cannot do ${answer.method} as Chromium must allow it: ${message.error.message}`));
    } else this.#listeners.get(message.sessionId ?? "")?.(message.method, message.params);
  }
}

type Message =
  | { readonly id: number; readonly result?: Result; readonly error?: { readonly message: string } }
  | { readonly method: string; readonly params: Result; readonly sessionId?: string };

/** Where the browser listens, which it writes into a file. */
async function addressIn(folder: string, next: () => Promise<boolean>): Promise<string> {
  for (const start = performance.now(); performance.now() - start < LONGEST;) {
    const text = await Deno.readTextFile(`${folder}/DevToolsActivePort`).catch(() => "");
    const [, port, path] = /^(\d+)\n(\/\S+)$/.exec(text.trim()) ?? [];
    if (port !== undefined) return `ws://127.0.0.1:${port}${path}`;
    if (await next()) throw new Error("Cannot start Chromium as it must stay: it ended at once");
  }
  throw new Error(`Cannot start Chromium as it must listen within ${LONGEST} ms: it does not`);
}

async function inTime<T>(promise: Promise<T>, what: string): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`Cannot ${what} as it must be done within ${LONGEST} ms: it is not`)),
      LONGEST,
    );
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

function gone(method: string): Error {
  return new Error(`Cannot do ${method} as Chromium must be there: it has gone`);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function wordsOf({ text, exception }: Details): string {
  return exception?.description ?? (exception === undefined ? text : `${text} ${exception.value}`);
}
