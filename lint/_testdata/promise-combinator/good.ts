// deno-lint-ignore-file
import { fetch, race } from "@trefoil/io";

export async function fastest(mirrors: readonly [string, string]): Promise<Response> {
  return await race([() => fetch(mirrors[0]), () => fetch(mirrors[1])]);
}
// ---
import { all, map, type Task } from "@trefoil/io";

declare function foreign(url: string): Promise<string>;
export async function fine(urls: readonly string[], tasks: readonly Task[]): Promise<void> {
  await Promise.all(urls.map((url) => foreign(url)));
  await Promise.all([foreign("a"), Promise.resolve(1)]);
  await all([() => fetch("a"), () => fetch("b")]);
  await map(urls, (url) => fetch(url), { concurrency: 3 });
  // Tasks belong to a nursery, whoever waits for them.
  await Promise.all(tasks.map((task) => task.join()));
}
export async function shadowed(Promise: { all(list: unknown): unknown }): Promise<void> {
  await Promise.all([fetch("a")]);
}
export async function pushed(urls: readonly string[], nursery: { startSoon(fn: unknown): void }): Promise<void> {
  const pages = [];
  for (const url of urls) pages.push(foreign(url));
  await Promise.all(pages);
  nursery.startSoon(pages);
}
