import { assert, assertEquals, assertRejects } from "@std/assert";
import { isChromiumThere, openBrowser } from "./driver.ts";

const PAGE = `<!doctype html><title>Page</title>
<style>body { margin: 0; background: rgb(255, 255, 255); } @media (prefers-color-scheme: dark) { body { background: rgb(0, 0, 0); } }
#far { margin-top: 3000px; }</style>
<link rel="icon" href="data:,"><input id="text"><button id="far" onclick="window.clicked = event.isTrusted">x</button>
<script>
window.seen = [];
addEventListener("wheel", (event) => seen.push(["wheel", event.deltaY, event.ctrlKey]));
addEventListener("keydown", (event) => seen.push(["key", event.key, event.shiftKey]));
addEventListener("mousemove", (event) => { if (event.buttons === 1) seen.push(["drag", event.clientX]); });
</script>`;

function serve(html: string): Deno.HttpServer<Deno.NetAddr> {
  const headers = { "content-type": "text/html" };
  return Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, () => new Response(html, { headers }));
}

const ignore = !isChromiumThere();

Deno.test({ name: "openBrowser(): a page is looked at, clicked, typed into and photographed", ignore }, async () => {
  await using server = serve(PAGE);
  await using browser = await openBrowser();
  const page = await browser.open(`http://127.0.0.1:${server.addr.port}/`);
  assertEquals(await page.evaluate("document.title"), "Page");
  assertEquals(
    await page.evaluate((a: number, b: string) => Promise.resolve(`${a}${b}`), 1, "</script>"),
    "1</script>",
  );
  await assertRejects(() => page.evaluate("nothing.there"), Error, "nothing is not defined");
  await page.click("#far");
  assertEquals(await page.evaluate("window.clicked"), true);
  await assertRejects(() => page.click("#missing"), Error, '"#missing"');
  await page.click("#text");
  await page.type("abc");
  await page.press("d");
  await page.press("ArrowLeft", 8);
  assertEquals(await page.evaluate("document.querySelector('#text').value"), "abcd");
  await page.wheel({ x: 50, y: 50 }, { y: 120, modifiers: 2 });
  await page.drag({ x: 10, y: 100 }, { x: 90, y: 100 });
  await page.waitFor("seen.some(([kind]) => kind === 'wheel')");
  assertEquals(await page.evaluate("seen"), [
    ["key", "d", false],
    ["key", "ArrowLeft", true],
    ["wheel", 120, true],
    ...[30, 50, 70, 90].map((x) => ["drag", x]),
  ]);
  await assertRejects(() => page.waitFor("false", 50), Error, "within 50 ms");
  const background = "getComputedStyle(document.body).backgroundColor";
  for (const [scheme, colour] of [["dark", "rgb(0, 0, 0)"], ["light", "rgb(255, 255, 255)"]] as const) {
    await page.setColorScheme(scheme);
    assertEquals(await page.evaluate(background), colour);
  }
  await page.setViewport(400, 300);
  const [width, height] = await page.evaluate<[number, number]>("[innerWidth, innerHeight]");
  assertEquals([width, height], [400, 300]);
  const png = new DataView((await page.screenshot()).buffer);
  assertEquals([png.getUint32(16), png.getUint32(20)], [400, 300]);
  assertEquals(page.problems, []);
  assertEquals(page.elsewhere, []);
});

Deno.test({ name: "Page.problems and elsewhere tell of all that goes wrong, or out", ignore }, async () => {
  await using server = serve(`<!doctype html><script>
    console.error("told", 1);
    setTimeout(() => { throw new TypeError("thrown"); });
    Promise.reject(new Error("rejected"));
    fetch("http://other.example/data").catch(() => {});
    fetch("/own");
    new WebSocket("ws://127.0.0.1:1/").onerror = () => window.done = true;
  </script><img src="http://10.1.2.3:9/a.png">`);
  await using browser = await openBrowser();
  const page = await browser.open(`http://127.0.0.1:${server.addr.port}/`);
  await page.waitFor("window.done");
  for (const part of ["error: told 1", "TypeError: thrown", "Error: rejected"]) {
    assert(page.problems.some((problem) => problem.includes(part)), page.problems.join("\n"));
  }
  assertEquals(page.elsewhere.sort(), ["http://10.1.2.3:9/a.png", "http://other.example/data", "ws://127.0.0.1:1/"]);
  await page.close();
});

Deno.test({ name: "Browser.close() leaves no process and no file, and ends what waits", ignore }, async () => {
  const browser = await openBrowser();
  const page = await browser.open("data:text/html,x");
  const waits = assertRejects(() => page.evaluate("new Promise(() => {})"), Error, "it has gone");
  assert((await processesWith(browser.folder)).length > 1);
  await browser.close();
  await browser.close();
  await waits;
  await assertRejects(() => page.evaluate("1"), Error, "it has gone");
  await assertRejects(() => browser.open("data:text/html,x"), Error, "it has gone");
  await untilNone(browser.folder);
});

Deno.test(
  { name: "openBrowser(): the browser ends with whoever has started it, also if that was killed", ignore },
  async () => {
    const script = `import { openBrowser } from ${JSON.stringify(new URL("driver.ts", import.meta.url).href)};
    console.log((await openBrowser()).folder);
    setInterval(() => {}, 1000);`;
    const url = `data:application/typescript,${encodeURIComponent(script)}`;
    const args = ["run", "--no-lock", "--quiet", "--allow-all", url];
    await using child = new Deno.Command(Deno.execPath(), { args, stdin: "null", stdout: "piped" }).spawn();
    const lines = child.stdout.pipeThrough(new TextDecoderStream())[Symbol.asyncIterator]();
    const folder = (await lines.next()).value!.trim();
    assert((await processesWith(folder)).length > 1);
    child.kill("SIGKILL");
    await child.status;
    await lines.next();
    await untilNone(folder);
  },
);

/** The processes that were started with something. */
async function processesWith(argument: string): Promise<string[]> {
  const { stdout } = await new Deno.Command("pgrep", { args: ["-f", "--", argument] }).output();
  return new TextDecoder().decode(stdout).split("\n").filter((line) => line !== "");
}

/** The end of processes that are not ours can only be looked for. */
async function untilNone(folder: string): Promise<void> {
  for (let looks = 0; looks < 500; looks++) {
    const processes = await processesWith(folder);
    const file = await Deno.stat(folder).catch(() => null);
    if (processes.length === 0 && file === null) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`Something is left of ${folder}`);
}
