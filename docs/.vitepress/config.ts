/**
 * The site. What is shown is in `pages/`, where `tools/site.ts` puts it: the pages of `docs/`, what they link to in the
 * repository, and those of the API. So are the sidebars.
 */

import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createCssVariablesTheme, type ShikiTransformer } from "shiki";
import { defineConfig } from "vitepress";
import { slugOf } from "../../tools/_markdown.ts";

const pages = new URL("./pages/", import.meta.url);
const sidebar = JSON.parse(readFileSync(new URL("sidebar.json", pages), "utf8"));

/** Three leaves; as a `data:` URL, so that no page asks for an icon. */
const LEAVES =
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><g fill="#2f81f7"><circle cx="16" cy="9.5" r="6.5"/><circle cx="9" cy="19" r="6.5"/><circle cx="23" cy="19" r="6.5"/></g><path d="M16 16c0 6 1 10 4 14" fill="none" stroke="#2f81f7" stroke-width="2.5" stroke-linecap="round"/></svg>`;
const icon = `data:image/svg+xml,${encodeURIComponent(LEAVES)}`;

/** Words of code get a class in place of two colours each, which are in `theme/style.css`: a third of the size. */
const colours: ShikiTransformer = {
  name: "classes for colours",
  span: (node) => {
    const [, token] = /^color:var\(--code-token-([\w-]+)\)$/.exec(String(node.properties["style"] ?? "")) ?? [];
    if (token === undefined) delete node.properties["style"];
    else node.properties = { class: `code-${token}` };
  },
};

const nav = [
  { text: "Start", page: "start" },
  { text: "Tutorial", page: "tutorial/index" },
  { text: "Guides", page: "guides/cancellation" },
  { text: "Recipes", page: "recipes/index" },
  { text: "API", page: "api/index" },
].filter(({ page }) => existsSync(new URL(`${page}.md`, pages)));

export default defineConfig({
  title: "Trefoil",
  description: "Structured concurrency for Deno, on plain async/await, with tests in virtual time.",
  lang: "en",
  srcDir: fileURLToPath(pages),
  outDir: fileURLToPath(new URL("./dist/", import.meta.url)),
  cacheDir: fileURLToPath(new URL("./cache/", import.meta.url)),
  // One copy of all sidebars for all pages, instead of one in each: 12 MB instead of 45.
  metaChunk: true,
  head: [["link", { rel: "icon", href: icon }]],
  markdown: {
    // The anchors of forges, so that a link works on both.
    anchor: { slugify: slugOf },
    theme: createCssVariablesTheme({ variablePrefix: "--code-" }),
    codeTransformers: [colours],
    // Two braces in code are no expression of Vue.
    config: (md) => {
      const code = md.renderer.rules.code_inline;
      md.renderer.rules.code_inline = (...args) => code?.(...args).replace("<code", "<code v-pre") ?? "";
    },
  },
  themeConfig: {
    logo: icon,
    sidebar,
    outline: { level: [2, 3], label: "On this page" },
    nav: nav.map(({ text, page }) => ({
      text,
      link: `/${page.replace(/index$/, "")}`,
      ...(page.includes("/") ? { activeMatch: `^/${page.replace(/\/.*/, "/")}` } : {}),
    })),
    search: {
      provider: "local",
      options: {
        // Words of prose and headings; those of code are everywhere.
        _render: (source, env, md) => {
          const html = md.render(source, env);
          return env.frontmatter?.["search"] === false ? "" : html.replace(/<pre\b[^]*?<\/pre>/g, "");
        },
        miniSearch: {
          options: {
            // "memory channel" finds `openMemoryChannel`, and so does its whole name. This function runs in the browser:
            // it sees nothing of this file.
            tokenize: (text) =>
              text.split(/[\n\r\p{Z}\p{P}\p{S}]+/u).flatMap((word) => {
                const parts = word.split(/(?<=[a-z0-9])(?=[A-Z])/);
                return parts.length > 1 ? [word, ...parts] : [word];
              }).filter((word) => word !== ""),
          },
          searchOptions: {
            boost: { title: 6, titles: 2, text: 1 },
            // Pages before their parts, what is called so before what speaks of it, functions before their options.
            boostDocument: (_, term, stored) => {
              const title = String(stored?.["title"] ?? "").replace(/<[^>]*>|&[a-z]+;/g, "").trim();
              const isPage = (stored?.["titles"] as unknown[] | undefined)?.length === 0;
              const isCalledSo = title.replace("()", "").toLowerCase() === term;
              return (isPage ? 2 : 1) * (isCalledSo ? 4 : 1) * (title.endsWith("()") ? 2 : 1) *
                (/(?:Options|Statistics)$/.test(title) ? 0.7 : 1);
            },
            prefix: (term) => term.length > 2,
            fuzzy: (term) => term.length > 5 ? 0.15 : false,
          },
        },
      },
    },
  },
});
