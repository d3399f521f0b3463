/**
 * A browser's page, as far as the scripts of our pages use it.
 *
 * The package is checked without the types of a browser, which would promise globals to everybody that servers do not
 * have. A page's script is a function that is given its window, and is put into the page as text: `String(fn)`. So it
 * may use nothing from outside itself but what every JavaScript has, and its arguments.
 */

/** An event, of whatever kind: what an event does not have is `undefined`. */
export interface PageEvent {
  readonly type: string;
  readonly target: PageElement;
  readonly key: string;
  readonly ctrlKey: boolean;
  readonly shiftKey: boolean;
  readonly altKey: boolean;
  readonly metaKey: boolean;
  readonly button: number;
  readonly buttons: number;
  readonly pointerId: number;
  readonly clientX: number;
  readonly clientY: number;
  readonly deltaX: number;
  readonly deltaY: number;
  /** What `deltaX` and `deltaY` count: 0 pixels, 1 lines, 2 pages. */
  readonly deltaMode: number;
  preventDefault(): void;
  stopPropagation(): void;
}

/** Whom events can be asked of. */
export interface PageEventTarget {
  addEventListener(type: string, listener: (event: PageEvent) => void, options?: { readonly passive?: boolean }): void;
}

/** Where an element is, in pixels of what is shown. */
export interface PageRectangle {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** An element; those of its properties that only some have are `undefined` for others. */
export interface PageElement extends PageEventTarget {
  id: string;
  className: string;
  /** All of what is shown of other people's text goes through this: there is no `innerHTML` here on purpose. */
  textContent: string;
  title: string;
  hidden: boolean;
  tabIndex: number;
  readonly style: { setProperty(name: string, value: string): void; removeProperty(name: string): void };
  readonly classList: {
    add(...names: string[]): void;
    remove(...names: string[]): void;
    toggle(name: string, force?: boolean): boolean;
    contains(name: string): boolean;
  };
  readonly dataset: Record<string, string | undefined>;
  readonly parentElement: PageElement | null;
  readonly children: ArrayLike<PageElement>;
  readonly clientWidth: number;
  readonly clientHeight: number;
  readonly scrollHeight: number;
  scrollTop: number;
  scrollLeft: number;
  append(...nodes: (PageElement | string)[]): void;
  prepend(...nodes: (PageElement | string)[]): void;
  replaceChildren(...nodes: (PageElement | string)[]): void;
  insertBefore(node: PageElement, before: PageElement | null): PageElement;
  remove(): void;
  setAttribute(name: string, value: string): void;
  getAttribute(name: string): string | null;
  removeAttribute(name: string): void;
  querySelector(selector: string): PageElement | null;
  querySelectorAll(selector: string): ArrayLike<PageElement>;
  closest(selector: string): PageElement | null;
  contains(other: PageElement): boolean;
  getBoundingClientRect(): PageRectangle;
  focus(options?: { readonly preventScroll?: boolean }): void;
  blur(): void;
  click(): void;
  scrollIntoView(options?: { readonly block?: string }): void;
  setPointerCapture(id: number): void;
  releasePointerCapture(id: number): void;
  /** Of fields. */
  value: string;
  checked: boolean;
  disabled: boolean;
  select(): void;
  /** Of links. */
  href: string;
  download: string;
  /** Of a canvas. */
  width: number;
  height: number;
  getContext(kind: "2d"): PageCanvas;
}

/** What a canvas is drawn on with. */
export interface PageCanvas {
  fillStyle: string;
  strokeStyle: string;
  globalAlpha: number;
  lineWidth: number;
  font: string;
  textAlign: string;
  textBaseline: string;
  setTransform(a: number, b: number, c: number, d: number, e: number, f: number): void;
  setLineDash(segments: readonly number[]): void;
  clearRect(x: number, y: number, width: number, height: number): void;
  fillRect(x: number, y: number, width: number, height: number): void;
  strokeRect(x: number, y: number, width: number, height: number): void;
  beginPath(): void;
  closePath(): void;
  moveTo(x: number, y: number): void;
  lineTo(x: number, y: number): void;
  bezierCurveTo(ax: number, ay: number, bx: number, by: number, x: number, y: number): void;
  rect(x: number, y: number, width: number, height: number): void;
  arc(x: number, y: number, radius: number, start: number, end: number): void;
  stroke(): void;
  fill(): void;
  clip(): void;
  save(): void;
  restore(): void;
  fillText(text: string, x: number, y: number): void;
  measureText(text: string): { readonly width: number };
}

/** The document. */
export interface PageDocument extends PageEventTarget {
  title: string;
  readonly body: PageElement;
  readonly documentElement: PageElement;
  readonly activeElement: PageElement | null;
  readonly hidden: boolean;
  createElement(name: string): PageElement;
  createElementNS(namespace: string, name: string): PageElement;
  createTextNode(text: string): PageElement;
  getElementById(id: string): PageElement | null;
  querySelector(selector: string): PageElement | null;
  querySelectorAll(selector: string): ArrayLike<PageElement>;
}

/** The window: what the script of a page is given. */
export interface PageWindow extends PageEventTarget {
  readonly document: PageDocument;
  readonly innerWidth: number;
  readonly innerHeight: number;
  readonly devicePixelRatio: number;
  readonly location: { hash: string; readonly href: string; readonly origin: string; readonly pathname: string };
  readonly history: { replaceState(data: unknown, unused: string, url: string): void };
  readonly performance: { now(): number };
  readonly fetch: typeof fetch;
  readonly URL: { createObjectURL(blob: Blob): string; revokeObjectURL(url: string): void };
  setInterval(callback: () => void, ms: number): number;
  requestAnimationFrame(callback: (time: number) => void): number;
  cancelAnimationFrame(id: number): void;
  setTimeout(callback: () => void, ms: number): number;
  clearTimeout(id: number): void;
  getComputedStyle(element: PageElement): { getPropertyValue(name: string): string };
  matchMedia(query: string): PageEventTarget & { readonly matches: boolean };
}
