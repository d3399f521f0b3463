// The site as a browser shows it: what `deno task site` has built. Where it is not built, or there is no browser, these
// tests are left out, which is said in one line.

import { assert, assertEquals } from "@std/assert";
import { type Browser, isChromiumThere, openBrowser, type Page } from "./driver.ts";

const SITE = new URL("../../docs/.vitepress/dist/", import.meta.url);
const TYPES: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  js: "text/javascript",
  css: "text/css",
  svg: "image/svg+xml",
};

/** What a reader may look for, and the page that has to come first. */
const WORDS: readonly (readonly [words: string, page: string])[] = [
  ["cancellation", "guides/cancellation"],
  ["timeouts", "guides/timeouts"],
  ["shielded", "api/Scopes_and_timeouts/shielded"],
  ["openNursery", "api/Tasks/openNursery"],
  ["memory channel", "api/Channels/openMemoryChannel"],
  ["retry", "api/Combinators/retry"],
  ["permissions", "reference/permissions"],
  ["glossary", "reference/glossary"],
  ["circuit breaker", "recipes/circuit-breaker"],
  ["TooSlowError", "api/Errors/TooSlowError"],
];

function isBuilt(): boolean {
  try {
    return Deno.statSync(new URL("index.html", SITE)).isFile;
  } catch {
    // deno-lint-ignore no-console
    console.log('SKIPPED: the site in a browser, as it is not built: "deno task site" does');
    return false;
  }
}

const ignore = !isChromiumThere() || !isBuilt();

function serve(): Deno.HttpServer<Deno.NetAddr> {
  return Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, async (request) => {
    const { pathname } = new URL(request.url);
    const path = `.${pathname}${pathname.endsWith("/") ? "index.html" : ""}`;
    const type = TYPES[path.slice(path.lastIndexOf(".") + 1)] ?? "application/octet-stream";
    try {
      return new Response(await Deno.readFile(new URL(path, SITE)), { headers: { "content-type": type } });
    } catch {
      return new Response(null, { status: 404 });
    }
  });
}

async function pagesOf(folder = ""): Promise<string[]> {
  const pages: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(new URL(folder, SITE))) {
    if (isDirectory) pages.push(...await pagesOf(`${folder}${name}/`));
    else if (name.endsWith(".html") && name !== "404.html") pages.push(`${folder}${name}`);
  }
  return pages.sort();
}

/** Opens a page of the site, and gives the site's address; it may complain of nothing, and ask for nothing elsewhere. */
async function onSite(path: string, look: (page: Page, origin: string) => Promise<void>): Promise<void> {
  await using server = serve();
  await using browser: Browser = await openBrowser();
  const origin = `http://127.0.0.1:${server.addr.port}/`;
  const page = await browser.open(origin + path);
  await look(page, origin);
  assertEquals([page.problems, page.elsewhere], [[], []]);
}

/** It has become alive: what a click does is there. */
const ALIVE = "document.querySelector('#app').__vue_app__ !== undefined";

Deno.test(
  { name: "no page complains, asks for something elsewhere, or is wider than a telephone", ignore },
  async () => {
    const pages = await pagesOf();
    assert(pages.length > 100, "the site has its pages");
    await onSite("index.html", async (page, origin) => {
      await page.setViewport(390, 844);
      const wide: string[] = [];
      const blank: string[] = [];
      for (const path of pages) {
        await page.goto(origin + path);
        const [width, broken] = await page.evaluate<[number, string[]]>(`[
        document.documentElement.scrollWidth,
        [...document.images].filter((image) => image.naturalWidth === 0).map((image) => image.src),
      ]`);
        if (width > 390) wide.push(`${path}: ${width}`);
        blank.push(...broken);
      }
      assertEquals([wide, blank], [[], []]);
    });
  },
);

Deno.test({ name: "ten searches find the page they are for first", ignore }, async () => {
  await onSite("index.html", async (page, origin) => {
    const first: (readonly [string, string])[] = [];
    for (const [words] of WORDS) {
      await page.goto(`${origin}index.html`);
      await page.waitFor(ALIVE);
      await page.press("k", 2);
      await page.waitFor("document.querySelector('.search-input') === document.activeElement");
      await page.type(words);
      await page.waitFor("document.querySelector('.result') !== null");
      // The list settles a moment after the last letter.
      const href = await page.evaluate<string>(`new Promise((resolve) => {
        let last = "";
        const look = () => {
          const now = [...document.querySelectorAll(".result")].map((found) => found.getAttribute("href")).join();
          if (now !== "" && now === last) resolve(document.querySelector(".result").getAttribute("href"));
          else { last = now; setTimeout(look, 300); }
        };
        look();
      })`);
      first.push([words, href.replace(/^\//, "").replace(/\.html(?:#.*)?$/, "")]);
    }
    assertEquals(first, WORDS);
  });
});

/** The colour in the middle of the first bar of the drawing on the page. */
async function colourOfDrawing(page: Page): Promise<string> {
  await page.evaluate("document.querySelector('.vp-doc img').scrollIntoView({ block: 'center' })");
  const [x, y] = await page.evaluate<[number, number]>(`(() => {
    const { x, y, width } = document.querySelector(".vp-doc img").getBoundingClientRect();
    return [Math.round(x + 280 / 720 * width), Math.round(y + 44 / 720 * width)];
  })()`);
  const png = (await page.screenshot()).toBase64();
  return await page.evaluate<string>(`new Promise((resolve, reject) => {
    const image = new Image();
    image.onerror = reject;
    image.onload = () => {
      const canvas = Object.assign(document.createElement("canvas"), { width: image.width, height: image.height });
      const context = canvas.getContext("2d");
      context.drawImage(image, 0, 0);
      resolve([...context.getImageData(${x}, ${y}, 1, 1).data.slice(0, 3)].join());
    };
    image.src = "data:image/png;base64,${png}";
  })`);
}

Deno.test(
  { name: "light and dark follow the system, or the switch, and drawings follow the page", ignore },
  async () => {
    const LIGHT = "221,244,255";
    const DARK = "12,45,107";
    await onSite("tutorial/2-many-at-once.html", async (page) => {
      await page.waitFor(ALIVE);
      const background = () => page.evaluate<string>("getComputedStyle(document.body).backgroundColor");
      for (
        const [scheme, colour, bar] of [["light", "rgb(255, 255, 255)", LIGHT], [
          "dark",
          "rgb(13, 17, 23)",
          DARK,
        ]] as const
      ) {
        await page.setColorScheme(scheme);
        await page.waitFor(`document.documentElement.classList.contains("dark") === ${scheme === "dark"}`);
        assertEquals([await background(), await colourOfDrawing(page)], [colour, bar]);
      }
      // The system says dark, the reader light.
      await page.click(".VPNavBarAppearance .VPSwitch");
      await page.waitFor("!document.documentElement.classList.contains('dark')");
      assertEquals([await background(), await colourOfDrawing(page)], ["rgb(255, 255, 255)", LIGHT]);
    });
  },
);
