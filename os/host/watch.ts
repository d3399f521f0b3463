/**
 * Watching folders. What the host does with several watchers, it does with one instance of inotify, so this mends:
 *
 * - Closing one takes the watch away from all folders below it, also from those that another one watches. And as the
 *   close takes effect only when the last `next()` has ended, one that is opened at once is hit as well. So closings are
 *   waited for before something is opened, and after one, all that overlap with it are opened anew.
 * - `close()` throws once the folder is gone.
 * - The error of a full table of watches does not say which table, or what to do.
 */

import { ignore, isError, read } from "../../core/internal.ts";
import { below } from "../base/paths.ts";

/** What the host says. */
export interface FolderEvent {
  readonly kind: string;
  readonly paths: readonly string[];
}

/** Who is told. */
export interface FolderListener {
  event(event: FolderEvent): void;
  /** Events were lost. */
  lost(): void;
  /** It cannot go on. */
  failed(error: unknown): void;
}

const living = new Set<FolderWatch>();
/** Settles when all closings have taken effect. Never rejects. */
let settled: Promise<void> = Promise.resolve();

/** Begins to watch a folder, and all below it if `recursive`; returns how to stop. */
export async function watchFolder(path: string, recursive: boolean, listener: FolderListener): Promise<() => void> {
  const real = await Deno.realPath(path);
  await settled;
  const watch = new FolderWatch(path, recursive, real, listener);
  watch.begin();
  living.add(watch);
  return () => {
    if (!living.delete(watch)) return;
    const ended = watch.end();
    settled = settled.then(() => ended).then(() => renewOverlapping(watch)).catch(ignore);
  };
}

/** Opens those anew that have lost their watches with another one. */
async function renewOverlapping(closed: FolderWatch): Promise<void> {
  const hit = [...living].filter((other) => other.overlaps(closed));
  await Promise.all(hit.map((watch) => watch.end()));
  for (const watch of hit) {
    // Closed meanwhile.
    if (!living.has(watch)) continue;
    try {
      watch.begin();
      watch.listener.lost();
    } catch (error) {
      watch.gone(error);
    }
  }
}

class FolderWatch {
  readonly listener: FolderListener;
  readonly #path: string;
  readonly #recursive: boolean;
  readonly #real: string;
  #watcher: Deno.FsWatcher | null = null;
  #loop: Promise<void> = Promise.resolve();

  constructor(path: string, recursive: boolean, real: string, listener: FolderListener) {
    this.listener = listener;
    this.#path = path;
    this.#recursive = recursive;
    this.#real = real;
  }

  begin(): void {
    try {
      this.#watcher = Deno.watchFs(this.#path, { recursive: this.#recursive });
    } catch (error) {
      throw explain(this.#path, error);
    }
    this.#loop = this.#listen(this.#watcher);
  }

  /** Resolves when that has taken effect. */
  end(): Promise<void> {
    const watcher = this.#watcher;
    this.#watcher = null;
    try {
      watcher?.close();
    } catch {
      // The folder is gone, and the watch with it.
    }
    return this.#loop;
  }

  /** Whether one is hit when the other is closed. The host knows of several on the same path. */
  overlaps(other: FolderWatch): boolean {
    if (this.#real === other.#real) return this.#path !== other.#path || this.#recursive !== other.#recursive;
    return (this.#recursive && below(this.#real, other.#real) !== null) ||
      (other.#recursive && below(other.#real, this.#real) !== null);
  }

  /** It cannot be opened anew: either the folder is gone, which others see, or there is a fault. */
  gone(error: unknown): void {
    if (read(error, "name") === "NotFound") this.listener.lost();
    else this.listener.failed(error);
  }

  async #listen(watcher: Deno.FsWatcher): Promise<void> {
    try {
      for await (const { kind, paths, flag } of watcher) {
        if (this.#watcher !== watcher) continue;
        if (flag === "rescan") this.listener.lost();
        else this.listener.event({ kind, paths });
      }
    } catch (error) {
      if (this.#watcher === watcher) this.listener.failed(explain(this.#path, error));
    }
  }
}

/** Says what to do about a limit of the system. */
function explain(path: string, error: unknown): unknown {
  const message = isError(error) ? error.message : "";
  const code = read(error, "code");
  if (code === "ENOSPC" || /watch limit|No space left/i.test(message)) {
    return limitError(path, "watches", "fs.inotify.max_user_watches", error);
  }
  if (code === "EMFILE" || /Too many open files/i.test(message)) {
    return limitError(path, "watchers and open files", "fs.inotify.max_user_instances or ulimit -n", error);
  }
  return error;
}

function limitError(path: string, what: string, knob: string, cause: unknown): Error {
  const message = `Cannot watch "${path}" as the system must allow more ${what}: its limit is reached; raise ${knob}`;
  return Object.assign(new Error(message, { cause }), { code: read(cause, "code") ?? "ENOSPC" });
}
