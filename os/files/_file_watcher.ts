/**
 * The shell around `_changes.ts`: hears of events, looks at what they are about when it is time to, and gives what it
 * has found to the task that waits.
 *
 * It works beside the tasks, as events come whether or not somebody waits. Its times are those of the host, as the files
 * are. What it watches may have to change with what happens (`_anchors.ts`), and one look comes after the other.
 */

import {
  busyWith,
  composedWait,
  hostClear,
  hostNow,
  hostTimeout,
  inspectable,
  outside,
  read,
} from "../../core/internal.ts";
import { beginHostOperation, suspend, type Waker } from "../../core/lowlevel.ts";
import { ClosedResourceError } from "../../core/mod.ts";
import { absoluteOf, below, within } from "../base/paths.ts";
import { files, notFoundError } from "../host/files.ts";
import { type FolderEvent, watchFolder } from "../host/watch.ts";
import { type Anchors, anchorsOf, lookAt } from "./_anchors.ts";
import { Changes, type Touch } from "./_changes.ts";
import type { FileChanges, FileWatcher } from "./file_watcher.ts";

/** How often in a row what is watched may be gone when it is looked at, before that is an error. */
const MOST_LOOKS = 100;

/** What is to be watched, checked. */
export interface WatchPlan {
  readonly paths: readonly string[];
  readonly debounce: number;
  readonly maxDelay: number;
  readonly ignore: (path: string) => boolean;
}

/** A path to watch. */
interface Root {
  /** As it was given, which is how paths are reported. */
  readonly given: string;
  readonly absolute: string;
  anchors: Anchors;
}

/** See the header. */
export class FileWatcherImpl implements FileWatcher {
  static {
    inspectable(FileWatcherImpl, "FileWatcher", (watcher) => ({ paths: watcher.#plan.paths }));
  }

  readonly #plan: WatchPlan;
  readonly #label: string;
  readonly #changes: Changes;
  #roots: readonly Root[] = [];
  /** The folders that are watched, and how to stop. Written by `#anchor()`. */
  readonly #folders = new Map<string, () => void>();
  /** Whether something has happened to what is watched, not in it. */
  #adrift = false;
  #timer: ReturnType<typeof hostTimeout> | undefined;
  /** Whether a look is going on. */
  #looking = false;
  #receiver: Waker<FileChanges> | null = null;
  /** Ends what a receive that waits keeps open. */
  #release = (): void => {};
  #fault: { readonly error: unknown } | null = null;
  #closed = false;

  constructor(plan: WatchPlan) {
    this.#plan = plan;
    this.#label = plan.paths.join(", ");
    this.#changes = new Changes(plan.debounce, plan.maxDelay);
  }

  /** Begins to watch. If that fails, or comes too late, it is to be closed. */
  async begin(): Promise<void> {
    const here = files.here();
    this.#roots = await Promise.all(this.#plan.paths.map(async (given): Promise<Root> => {
      const absolute = absoluteOf(given, here);
      const anchors = await anchorsOf(absolute);
      if (anchors.sign === null) throw notFoundError(`watch "${given}"`, given);
      return { given, absolute, anchors };
    }));
    await this.#anchor();
  }

  receive(): Promise<FileChanges> {
    return suspend<FileChanges>({ kind: "watch", label: this.#label }, (waker) => {
      if (this.#receiver !== null) return void waker.fail(busyWith("receive", "receiving changes here"));
      if (this.#closed) return void waker.fail(new ClosedResourceError("Cannot receive as the watcher is closed"));
      const changes = this.#changes.take();
      if (changes !== null) return void waker.wake(changes);
      if (this.#fault !== null) return void waker.fail(this.#fault.error);
      this.#receiver = waker;
      const operation = beginHostOperation(`watch ${this.#label}`);
      this.#release = () => operation.end();
    }, () => {
      this.#leave();
      return true;
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#timer !== undefined) hostClear(this.#timer);
    for (const stop of this.#folders.values()) stop();
    this.#folders.clear();
    this.#leave()?.fail(new ClosedResourceError("Cannot receive as the watcher was closed meanwhile"));
  }

  [Symbol.dispose](): void {
    this.close();
  }

  [Symbol.asyncIterator](): AsyncIterator<FileChanges> {
    return { next: () => composedWait(async () => ({ done: false, value: await this.receive() })) };
  }

  /** Has the folders watched that the roots need now, and no others. */
  async #anchor(): Promise<void> {
    const wanted = new Map<string, readonly [path: string, recursive: boolean]>();
    for (const { absolute, anchors } of this.#roots) {
      for (const [folder, sign] of anchors.folders) wanted.set(`alone ${folder} ${sign}`, [folder, false]);
      if (anchors.isFolder) wanted.set(`whole ${absolute} ${anchors.sign}`, [absolute, true]);
    }
    for (const [key, stop] of this.#folders) {
      if (wanted.has(key)) continue;
      this.#folders.delete(key);
      stop();
    }
    for (const [key, [path, recursive]] of wanted) {
      if (this.#folders.has(key) || this.#closed) continue;
      const stop = await watchFolder(path, recursive, {
        event: (event) => this.#heard(event),
        lost: () => {
          this.#adrift = true;
          this.#changes.lost(hostNow());
          this.#lookLater();
        },
        failed: (error) => this.#fail(error),
      });
      if (this.#closed) stop();
      else this.#folders.set(key, stop);
    }
  }

  #heard({ kind, paths }: FolderEvent): void {
    if (kind === "access" || this.#closed) return;
    const fresh = kind === "create" || kind === "rename";
    const touch: Touch = { fresh, born: kind === "create" };
    for (const path of paths) {
      for (const root of this.#roots) {
        const rest = root.anchors.isFolder ? below(root.absolute, path) : null;
        if (rest !== null) this.#touched(root, rest, touch);
        else if (root.anchors.hops.includes(path)) {
          // What it was before is known by its sign.
          if (kind !== "modify") this.#adrift = true;
          if (path === root.anchors.hops.at(-1)) this.#changes.touched(root.given, { fresh, born: false }, hostNow());
          else this.#changes.stir(hostNow());
        } else if (kind !== "modify" && root.anchors.folders.has(path)) {
          this.#adrift = true;
          this.#changes.stir(hostNow());
        }
      }
    }
    this.#lookLater();
  }

  #touched(root: Root, rest: string, touch: Touch): void {
    if (this.#isIgnored(root, rest)) return;
    this.#changes.touched(within(root.given, rest), touch, hostNow());
  }

  /** Whether something below a root is ignored, or is in something that is. */
  #isIgnored(root: Root, rest: string): boolean {
    for (let end = 0; end !== -1;) {
      end = rest.indexOf("/", end + 1);
      if (this.#plan.ignore(within(root.given, end === -1 ? rest : rest.slice(0, end)))) return true;
    }
    return false;
  }

  /** Sees to it that there will be a look when it is due. */
  #lookLater(): void {
    const { due } = this.#changes;
    if (due === null || this.#looking || this.#timer !== undefined || this.#closed || this.#fault !== null) return;
    this.#timer = hostTimeout(() => {
      this.#timer = undefined;
      // More may have come meanwhile.
      if ((this.#changes.due ?? Infinity) > hostNow()) return this.#lookLater();
      this.#looking = true;
      outside(() => this.#look()).catch((error) => this.#fail(error)).finally(() => {
        this.#looking = false;
        this.#give();
        this.#lookLater();
      });
    }, Math.max(0, due - hostNow()));
  }

  async #look(): Promise<void> {
    const dirty = new Map(this.#changes.takeDirty());
    if (this.#adrift) await this.#settle(dirty);
    for (const [path, touch] of dirty) await this.#lookAt(path, touch);
  }

  /** Finds out what has become of the roots, and watches them where they are now. */
  async #settle(dirty: Map<string, Touch>): Promise<void> {
    for (let looks = 1; this.#adrift && !this.#closed; looks++) {
      this.#adrift = false;
      try {
        await this.#reread(dirty);
        await this.#anchor();
        // What happened before it was watched: once more.
        if (await this.#reread(dirty)) this.#adrift = true;
      } catch (error) {
        // It was there a moment ago.
        if (read(error, "name") !== "NotFound" || looks === MOST_LOOKS) throw error;
        this.#adrift = true;
      }
    }
  }

  /** Looks where the roots are now; returns whether one has changed. */
  async #reread(dirty: Map<string, Touch>): Promise<boolean> {
    let changed = false;
    for (const root of this.#roots) {
      const before = root.anchors;
      root.anchors = await anchorsOf(root.absolute);
      if (before.hops.join("\0") !== root.anchors.hops.join("\0")) changed = true;
      if (before.sign === root.anchors.sign) continue;
      changed = true;
      dirty.set(root.given, { fresh: true, born: false });
    }
    return changed;
  }

  async #lookAt(path: string, { fresh, born }: Touch): Promise<void> {
    const root = this.#roots.find(({ given }) => given === path);
    if (root !== undefined) {
      this.#changes.found(path, root.anchors.sign === null ? "removed" : "changed");
      if (fresh && root.anchors.isFolder) await this.#list(path);
      return;
    }
    const info = await lookAt(path);
    this.#changes.found(path, info === null ? "removed" : "changed", { born });
    if (info?.isDirectory && fresh) await this.#list(path);
  }

  /** Reports everything in a folder that is new: what was made in it before it was watched has no events. */
  async #list(folder: string): Promise<void> {
    const entries = await files.readFolder(folder).catch(() => []);
    for (const { name, isDirectory } of entries) {
      const path = within(folder, name);
      if (this.#plan.ignore(path)) continue;
      this.#changes.found(path, "changed", { born: true });
      if (isDirectory) await this.#list(path);
    }
  }

  #give(): void {
    if (this.#receiver === null) return;
    const changes = this.#changes.take();
    if (changes !== null) this.#leave()?.wake(changes);
    else if (this.#fault !== null) this.#leave()?.fail(this.#fault.error);
  }

  #fail(error: unknown): void {
    if (this.#closed) return;
    this.#fault ??= { error };
    this.#give();
  }

  /** The task that waits waits no more; returns its waker. */
  #leave(): Waker<FileChanges> | null {
    const receiver = this.#receiver;
    this.#receiver = null;
    this.#release();
    this.#release = () => {};
    return receiver;
  }
}
