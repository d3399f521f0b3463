/**
 * As much of the DOM as the pages of this folder use. The types of the DOM themselves would come into every program that
 * imports the library.
 */

/** An element. */
export interface PageElement {
  textContent: string | null;
  className: string;
  title: string;
  hidden: boolean;
  value: string;
  checked: boolean;
  disabled: boolean;
  href: string;
  download: string;
  tabIndex: number;
  scrollTop: number;
  readonly clientHeight: number;
  readonly clientWidth: number;
  readonly style: Record<string, string>;
  readonly dataset: Record<string, string>;
  readonly classList: { toggle(name: string, on: boolean): void };
  append(...children: (PageElement | string)[]): void;
  replaceChildren(...children: (PageElement | string)[]): void;
  setAttribute(name: string, value: string): void;
  addEventListener(type: string, listener: (event: PageEvent) => void): void;
  scrollIntoView(options: { block: string }): void;
  focus(): void;
  click(): void;
}

/** An event. */
export interface PageEvent {
  readonly key: string;
  readonly target: unknown;
  preventDefault(): void;
  stopPropagation(): void;
}

/** The global object of a page. */
export interface PageWindow {
  readonly document: {
    title: string;
    readonly activeElement: PageElement | null;
    getElementById(id: string): PageElement | null;
    createElement(tag: string): PageElement;
    createElementNS(space: string, tag: string): PageElement;
    addEventListener(type: string, listener: (event: PageEvent) => void): void;
  };
  readonly location: { readonly hash: string };
  readonly fetch: typeof fetch;
  readonly URL: { createObjectURL(blob: Blob): string; revokeObjectURL(url: string): void };
  addEventListener(type: string, listener: (event: PageEvent) => void): void;
  setTimeout(callback: () => void, ms: number): unknown;
  setInterval(callback: () => void, ms: number): unknown;
}
