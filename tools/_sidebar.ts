/** Which pages the site has, in which order: made of the pages that are there. Pure, so that it can be tested. */

import { headingsOf } from "./_markdown.ts";

/** A page of the site, by its path in the repository. */
export interface SitePage {
  readonly path: string;
  readonly title: string;
}

/** A part of the sidebar. */
export interface Section {
  readonly text: string;
  readonly pages: readonly SitePage[];
}

/** A part: pages by name, and folders of them. In a folder the named ones come first, then the others by their names. */
const SECTIONS: readonly { readonly text: string; readonly holds: readonly string[] }[] = [
  { text: "First steps", holds: ["docs/index.md", "docs/start.md"] },
  { text: "Tutorial: Lighthouse", holds: ["docs/tutorial/index.md", "docs/tutorial/"] },
  {
    text: "Guides",
    holds: [
      ...["cancellation", "timeouts", "tasks", "errors", "channels", "synchronisation", "servers", "http"],
      ...["shutdown", "processes-and-workers", "protocols", "testing", "simulated-networks", "sweeps", "foreign"],
      ...["frameworks", "databases", "observing", "debugging", "performance", ""],
    ].map((name) => `docs/guides/${name === "" ? "" : `${name}.md`}`).concat("docs/lint.md"),
  },
  { text: "Recipes", holds: ["docs/recipes/index.md", "docs/recipes/"] },
  {
    text: "Coming from",
    holds: [
      ...["promises", "go", "trio", "asyncio-anyio", "effect", "effection"].map((name) => `docs/from/${name}.md`),
      "docs/from/",
      "docs/compare.md",
    ],
  },
  { text: "Reference", holds: ["docs/reference/", "testing/README.md", "testing/REFERENCE.md", "observe/README.md"] },
  { text: "Why it is so", holds: ["docs/design/"] },
  {
    text: "The project",
    holds: ["README.md", "docs/beyond.md", "docs/versions.md", "CHANGELOG.md", "CONTRIBUTING.md"],
  },
];

/** Titles for a sidebar, where that of the page needs its surroundings. */
const SHORT: Readonly<Record<string, string>> = {
  "docs/index.md": "What it is",
  "docs/tutorial/index.md": "What you build",
  "docs/recipes/index.md": "All of them",
  "README.md": "README",
};

/** The pages in their parts; parts without pages are left out. What no part holds, `lost` has. */
export function sectionsOf(pages: readonly SitePage[]): {
  readonly sections: readonly Section[];
  readonly lost: readonly SitePage[];
} {
  const left = new Map(pages.map((page) => [page.path, page]));
  const take = (path: string): SitePage[] => {
    const page = left.get(path);
    left.delete(path);
    return page === undefined ? [] : [{ ...page, title: SHORT[path] ?? page.title }];
  };
  const named = new Set(SECTIONS.flatMap(({ holds }) => holds));
  const sections = SECTIONS.map(({ text, holds }) => ({
    text,
    pages: holds.flatMap((path) =>
      path.endsWith("/")
        ? inFolder([...left.keys()], path).filter((page) => !named.has(page))
          .flatMap(take)
        : take(path)
    ),
  })).filter((section) => section.pages.length > 0);
  return { sections, lost: [...left.values()] };
}

/** The pages right in a folder, chapters by their numbers. */
function inFolder(paths: readonly string[], folder: string): string[] {
  return paths.filter((path) => path.startsWith(folder) && !path.slice(folder.length).includes("/")).sort((a, b) =>
    a.localeCompare(b, "en", { numeric: true })
  );
}

/** The title of a page. */
export function titleOf(text: string): string {
  return headingsOf(text).find(({ level }) => level === 1)?.text ?? "";
}
