// deno-lint-ignore-file
import { fetch, Lazy } from "@trefoil/io";

const settings = new Lazy(() => fetch("https://example.com/settings.json"));

export function load(): Promise<Response> {
  return settings.get();
}
// ---
import { LazyMap, openTcpStream, type SocketStream, type Task } from "@trefoil/io";

const pages = new LazyMap((url: string) => fetch(url));
const tasks = new Map<string, Task>();
const streams = new Map<string, SocketStream>();
let current: Promise<Response> | undefined;
let text: Response | undefined;
export async function fine(url: string, task: Task): Promise<void> {
  await pages.get(url);
  tasks.set(url, task);
  streams.set(url, await openTcpStream("localhost", 80));
  // Awaited first: two who come at once do it twice, and share nothing.
  text ??= await fetch(url);
  // Gone when the function has returned.
  const own = new Map<string, Promise<Response>>();
  own.set(url, fetch(url));
  let mine: Promise<Response> | undefined;
  mine ??= fetch(url);
  await mine;
  await own.get(url);
}
declare function foreign(): Promise<Response>;
export function others(): Promise<Response> {
  return current ??= foreign();
}
