/** `EventSource` over a network in memory (HTML, section 9.2): it reads events, and begins again when they end. */

import type { Clock, NetworkHttp } from "../../../core/lowlevel.ts";
import { defineHandlers } from "./handlers.ts";

/** How long it waits before it begins again unless the server says otherwise, in milliseconds: as Deno 2.9.6. */
const RECONNECT = 5_000;
const [CONNECTING, OPEN, CLOSED] = [0, 1, 2] as const;

/** See the header. */
export class VirtualEventSource extends EventTarget {
  readonly CONNECTING = CONNECTING;
  readonly OPEN = OPEN;
  readonly CLOSED = CLOSED;
  readonly #http: NetworkHttp;
  readonly #clock: Clock;
  readonly #url: URL;
  readonly #withCredentials: boolean;
  readonly #abort = new AbortController();
  #state: 0 | 1 | 2 = CONNECTING;
  #lastId = "";
  #pause = RECONNECT;

  constructor(http: NetworkHttp, clock: Clock, url: URL, withCredentials: boolean) {
    super();
    this.#http = http;
    this.#clock = clock;
    this.#url = url;
    this.#withCredentials = withCredentials;
    this.#run().catch(() => {});
  }

  get url(): string {
    return this.#url.href;
  }

  get withCredentials(): boolean {
    return this.#withCredentials;
  }

  get readyState(): number {
    return this.#state;
  }

  close(): void {
    this.#state = CLOSED;
    this.#abort.abort();
  }

  /** Not narrowed by what was seen before a wait. */
  #isClosed(): boolean {
    return this.#state === CLOSED;
  }

  async #run(): Promise<void> {
    // An event before there is somebody to hear it would be lost.
    await null;
    while (!this.#isClosed()) {
      const isOver = await this.#once().catch(() => false);
      if (this.#isClosed()) return;
      this.#state = isOver ? CLOSED : CONNECTING;
      this.dispatchEvent(new Event("error"));
      if (this.#isClosed()) return;
      await new Promise<void>((resolve) => {
        const alarm = this.#clock.at(this.#clock.now() + this.#pause, resolve, undefined);
        this.#abort.signal.addEventListener("abort", () => {
          alarm.cancel();
          resolve();
        }, { once: true });
      });
    }
  }

  /** One request; `true` if there is no use in another one. */
  async #once(): Promise<boolean> {
    const headers = new Headers({ accept: "text/event-stream", "cache-control": "no-store" });
    if (this.#lastId !== "") headers.set("last-event-id", this.#lastId);
    const { signal } = this.#abort;
    const response = await this.#http.fetch(this.#url, { headers, signal });
    const type = response.headers.get("content-type")?.split(";")[0]?.trim().toLowerCase();
    if (response.status !== 200 || type !== "text/event-stream") {
      await response.body?.cancel();
      return true;
    }
    this.#state = OPEN;
    this.dispatchEvent(new Event("open"));
    await this.#read(response.body!, new URL(response.url).origin);
    return false;
  }

  async #read(body: ReadableStream<Uint8Array<ArrayBuffer>>, origin: string): Promise<void> {
    let rest = "";
    let event = { type: "", data: [] as string[], id: this.#lastId };
    for await (const text of body.pipeThrough(new TextDecoderStream())) {
      rest += text;
      // A CR at the end may be half of a CRLF.
      const lines = rest.split(/\r\n|\n|\r(?!$)/);
      rest = lines.pop()!;
      for (const line of lines) {
        if (line !== "") this.#field(line, event);
        else {
          this.#lastId = event.id;
          const { type, data, id } = event;
          if (data.length > 0 && !this.#isClosed()) {
            const init = { data: data.join("\n"), lastEventId: id, origin };
            this.dispatchEvent(new MessageEvent(type === "" ? "message" : type, init));
          }
          event = { type: "", data: [], id };
        }
      }
    }
  }

  #field(line: string, event: { type: string; readonly data: string[]; id: string }): void {
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "data") event.data.push(value);
    else if (name === "event") event.type = value;
    else if (name === "id" && !value.includes("\0")) event.id = value;
    else if (name === "retry" && /^\d+$/.test(value)) this.#pause = Number(value);
  }
}

defineHandlers(VirtualEventSource.prototype, ["open", "message", "error"]);
