// deno-lint-ignore-file no-console
/**
 * A crawler: follows the links of a site, four requests at a time, each with a timeout.
 *
 * Run it: deno run --allow-net examples/crawler.ts [URL]
 * Without a URL it crawls a small site of its own, with a link to nowhere and a page that never ends.
 */
import { CapacityLimiter, fetch, isOnlyCancelled, moveOnAfter, openNursery, run, shielded } from "@trefoil/io";

/** What became of a page. */
export interface Page {
  readonly url: string;
  /** The status of the answer, or why there is none. */
  readonly result: number | "timeout" | "failed";
  readonly links: readonly string[];
}

/** How to crawl. */
export interface CrawlOptions {
  /** How many requests at the same time. */
  readonly concurrency?: number;
  /** How long a page may take, from the request to the last byte, in milliseconds. */
  readonly timeout?: number;
  /** How many pages to look at. */
  readonly maxPages?: number;
  /** How to get a page. */
  readonly get?: (url: string) => Promise<Response>;
  /** Told of each page as it is done. */
  readonly onPage?: (page: Page) => void;
}

/** Looks at every page that can be reached from the first one, without leaving its site. */
export async function crawl(start: string, options: CrawlOptions = {}): Promise<Page[]> {
  const { concurrency = 4, timeout = 5_000, maxPages = 1_000, get = fetch, onPage = () => {} } = options;
  const limiter = new CapacityLimiter(concurrency, { name: "requests" });
  const { origin } = new URL(start);
  const seen = new Set<string>();
  const pages: Page[] = [];

  // A task for each page: those that have no token yet wait for one, first come, first served.
  await openNursery((nursery) => {
    follow(start);

    function follow(url: string): void {
      if (seen.has(url) || seen.size >= maxPages || new URL(url).origin !== origin) return;
      seen.add(url);
      nursery.startSoon(() => visit(url), { name: url });
    }

    async function visit(url: string): Promise<void> {
      using _token = await limiter.acquire();
      const page = await look(url);
      pages.push(page);
      onPage(page);
      page.links.forEach(follow);
    }
  });
  return pages;

  async function look(url: string): Promise<Page> {
    try {
      // The timeout counts from here, not from when the task began to wait for its token.
      const outcome = await moveOnAfter(timeout, async (): Promise<Page> => {
        const response = await get(url);
        const isPage = response.headers.get("content-type")?.startsWith("text/html") ?? false;
        if (!isPage) await response.body?.cancel();
        return {
          url,
          result: response.status,
          links: isPage ? linksIn(await response.text(), response.url || url) : [],
        };
      });
      return outcome.cancelledCaught ? { url, result: "timeout", links: [] } : outcome.value;
    } catch (error) {
      // A server that cannot be reached is a result; a cancellation is not: it must pass.
      if (isOnlyCancelled(error)) throw error;
      return { url, result: "failed", links: [] };
    }
  }
}

/** The links of a page, as whole URLs without fragments. A browser's parser would find more. */
function linksIn(html: string, base: string): string[] {
  return Array.from(html.matchAll(/<a\b[^>]*?\bhref\s*=\s*["']([^"']*)["']/gi), ([, href]) => URL.parse(href!, base))
    .filter((url) => url !== null && /^https?:$/.test(url.protocol))
    .map((url) => {
      url!.hash = "";
      return url!.href;
    });
}

/** A site of 30 pages, one link to nowhere, and a page that begins and never ends. */
export function answer(request: Request): Response {
  const path = new URL(request.url).pathname;
  const html = { headers: { "content-type": "text/html; charset=utf-8" } };
  if (path === "/endless") {
    return new Response(
      new ReadableStream({ start: (body) => body.enqueue(new TextEncoder().encode("<p>and")) }),
      html,
    );
  }
  const page = path === "/" ? 1 : Number(/^\/page\/(\d+)$/.exec(path)?.[1]);
  if (!(page >= 1 && page <= 30)) return new Response("There is no such page", { status: 404 });
  const next = [2 * page, 2 * page + 1].filter((n) => n <= 30).map((n) => `/page/${n}`);
  const links = [...next, "/", "#top", "mailto:nobody@localhost", "/nowhere", "/endless"];
  return new Response(links.map((href) => `<a href="${href}">${href}</a>`).join("\n"), html);
}

if (import.meta.main) {
  const print = ({ url, result, links }: Page) => console.log(`${result}\t${url} (${links.length} links)`);
  run(async () => {
    if (Deno.args[0] !== undefined) return void await crawl(Deno.args[0], { onPage: print });
    const site = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, answer);
    try {
      const pages = await crawl(`http://127.0.0.1:${site.addr.port}/`, { onPage: print, timeout: 500 });
      console.log(`${pages.length} pages`);
    } finally {
      await shielded(() => site.shutdown(), { timeout: 1_000 });
    }
  });
}
