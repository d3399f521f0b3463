// deno-lint-ignore-file
import { fetch } from "@trefoil/io";

let settings: Promise<Response> | undefined;

export function load(): Promise<Response> {
  return settings ??= fetch("https://example.com/settings.json"); // BAD
}
// ---
import { openTcpStream, type SocketStream } from "@trefoil/io";

const pages = new Map<string, Promise<Response>>();
async function page(url: string): Promise<Response> {
  return await fetch(url);
}
export function cached(url: string): Promise<Response> {
  let known = pages.get(url);
  if (known === undefined) {
    known = page(url);
    pages.set(url, known.then((response) => response));
    pages.set(url, page(url)); // BAD
  }
  return known;
}
export function kept(url: string): Promise<Response> {
  const promise = page(url);
  pages.set(url, promise); // BAD
  return promise;
}
let shared: Promise<Response> | null = null;
export class Client {
  #stream?: Promise<SocketStream>;
  static instance: Promise<SocketStream> | undefined;
  readonly #byName: Record<string, Promise<SocketStream>> = {};
  stream(): Promise<SocketStream> {
    return (this.#stream ??= openTcpStream("localhost", 80)); // BAD
  }
  other(): Promise<SocketStream> {
    if (!this.#stream) this.#stream = openTcpStream("localhost", 80); // BAD
    if (this.#stream === undefined) {
      this.#stream = this.stream().finally(() => {}); // BAD
    }
    return this.#stream;
  }
  named(name: string): Promise<SocketStream> {
    return this.#byName[name] ||= openTcpStream(name, 80).catch((error) => Promise.reject(error)); // BAD
  }
}
export function either(): Promise<Response> {
  shared = shared ?? page("x"); // BAD
  return shared ?? (shared = page("y")); // BAD
}
