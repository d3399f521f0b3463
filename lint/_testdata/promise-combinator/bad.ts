// deno-lint-ignore-file
import { fetch } from "@trefoil/io";

export async function fastest(mirrors: readonly [string, string]): Promise<Response> {
  return await Promise.race([fetch(mirrors[0]), fetch(mirrors[1])]); // BAD
}
// ---
import { type BufferedStream, sleep } from "@trefoil/io";

async function page(url: string): Promise<string> {
  return await (await fetch(url)).text();
}
export async function more(urls: readonly string[], stream: BufferedStream): Promise<void> {
  await Promise.all(urls.map((url) => fetch(url))); // BAD, no fix
  await Promise.all(urls.map(page)); // BAD, no fix
  await Promise.allSettled(urls.map(async (url) => { // BAD, no fix
    const text = await page(url);
    console.log(text);
  }));
  const [line] = await Promise.all([stream.receiveLine(), sleep(5)]); // BAD
  console.log(line);
  await Promise.any([page("a"), page("b")]); // BAD
  await Promise.all([page("a"), page(await page("b"))]); // BAD, no fix
  await Promise.all([page("a"), 5]); // BAD, no fix
  await Promise.all([...urls.map(page)]); // BAD, no fix
  const list = urls.map(page);
  await Promise.all(list); // BAD, no fix
  await Promise.all(Array.from({ length: 3 }, () => page("x"))); // BAD, no fix
  let url = "a";
  url += "b";
  await Promise.all([page(url)]); // BAD, no fix
  const kept = Promise.all([page("a")]); // BAD, no fix
  await kept;
  await Promise.all([sleep(1).catch(() => {})]); // BAD
  const outcomes = await Promise.allSettled([sleep(1), page("a")]); // BAD
  console.log(outcomes[0].status, outcomes[1].status === "fulfilled" ? outcomes[1].value.length : 0);
}
export async function pushed(urls: readonly string[]): Promise<void> {
  const pages = [];
  for (const url of urls) pages.push(page(url));
  await Promise.all(pages); // BAD, no fix
}
