/**
 * The disk of a host in memory: what a program has written is there for it at once, and survives a crash once it is
 * synced.
 *
 * Of what is not, each file keeps a random part of its changes, in their order, and the first that it does not keep may
 * be torn: only a part of its bytes is there. Files are independent of each other, as disks write in any order.
 */

import { composedWait, show } from "../../core/internal.ts";
import { BrokenResourceError, checkpoint } from "../../core/mod.ts";
import type { VirtualDisk } from "./virtual_network.ts";

type Content = Uint8Array | string;

interface DiskFile {
  /** What is there after a crash, if it is; and what was done since: `null` for a removal. */
  synced: Content | null;
  readonly since: (Content | null)[];
}

/** What a disk needs of its host. */
export interface DiskHost {
  readonly name: string;
  /** Whether the calling code belongs to a life of this or another host that has ended. */
  isDead(): boolean;
  random(): number;
}

/** See the header. */
export class Disk implements VirtualDisk {
  readonly #host: DiskHost;
  readonly #files = new Map<string, DiskFile>();

  constructor(host: DiskHost) {
    this.#host = host;
  }

  get(name: string): Content | undefined {
    this.#check("read", name);
    const content = this.#contentOf(name);
    return content === null ? undefined : copy(content);
  }

  has(name: string): boolean {
    this.#check("read", name);
    return this.#contentOf(name) !== null;
  }

  set(name: string, content: Content): void {
    this.#check("write", name);
    if (typeof content !== "string" && !(content instanceof Uint8Array)) {
      throw new TypeError(
        `Cannot write a file as "content" must be a string or a Uint8Array: received ${show(content)}`,
      );
    }
    this.#change(name, copy(content));
  }

  delete(name: string): boolean {
    this.#check("remove", name);
    if (this.#contentOf(name) === null) return false;
    this.#change(name, null);
    return true;
  }

  keys(): string[] {
    this.#check("list", "");
    return [...this.#files.keys()].filter((name) => this.#contentOf(name) !== null).sort();
  }

  sync(): Promise<void> {
    return composedWait(async () => {
      this.#check("sync", "");
      await checkpoint();
      for (const [name, file] of this.#files) {
        file.synced = this.#contentOf(name);
        file.since.length = 0;
        if (file.synced === null) this.#files.delete(name);
      }
    });
  }

  /** The host has lost its power. */
  crash(): void {
    for (const [name, file] of this.#files) {
      if (file.since.length > 0) file.synced = this.#remains(file);
      file.since.length = 0;
      if (file.synced === null) this.#files.delete(name);
    }
  }

  #remains({ synced, since }: DiskFile): Content | null {
    const kept = this.#draw(since.length + 1);
    const before = kept === 0 ? synced : since[kept - 1]!;
    const next = since[kept];
    // A removal is there or not.
    if (next === undefined || next === null || next.length < 2 || this.#draw(2) === 0) return before;
    const written = 1 + this.#draw(next.length - 1);
    return next.slice(0, written);
  }

  #draw(below: number): number {
    return Math.floor(this.#host.random() * below);
  }

  #contentOf(name: string): Content | null {
    const file = this.#files.get(name);
    return file === undefined ? null : file.since.length > 0 ? file.since.at(-1)! : file.synced;
  }

  #change(name: string, content: Content | null): void {
    const file = this.#files.get(name) ?? { synced: null, since: [] };
    this.#files.set(name, file);
    file.since.push(content);
  }

  #check(action: string, name: string): void {
    if (typeof name !== "string") {
      throw new TypeError(`Cannot ${action} a file as "name" must be a string: received ${show(name)}`);
    }
    if (!this.#host.isDead()) return;
    throw new BrokenResourceError(`Cannot ${action} a file as host "${this.#host.name}" must be up: it has crashed`);
  }
}

function copy(content: Content): Content {
  return typeof content === "string" ? content : content.slice();
}
