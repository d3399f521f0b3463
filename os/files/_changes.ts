/**
 * What has changed, from what the system says, which is both too much and not enough: a pure machine.
 *
 *     touched() ──▶ DIRTY ──quiet for a while, or not for too long: due──▶ looked at: found() ──▶ READY ──▶ take()
 *
 * One save is four events or more, of several paths, and what an event says is history by the time it is heard. So a
 * path is looked at once things are quiet, and reported as what it is then. What was not taken yet is merged with what
 * comes, and so is as small as the number of paths, however slow the receiver.
 */

import { below } from "../base/paths.ts";

/** What an event says of a path. */
export interface Touch {
  /** Whether it came into being, or came from elsewhere, with all that may be in it. */
  readonly fresh: boolean;
  /** Whether it was not there before: if it is gone again when looked at, nobody has to know. */
  readonly born: boolean;
}

/** For so many looks, and for so long in milliseconds, it is remembered what has passed. */
const PASSED_LOOKS = 3;
const PASSED_TIME = 1_000;

/** What has become of a path. */
export type ChangeKind = "changed" | "removed";

/** See the header. */
export class Changes {
  readonly #debounce: number;
  readonly #maxDelay: number;
  /** Touched, and not looked at. */
  #dirty = new Map<string, Touch>();
  /** When the first and the last of them was touched. */
  #first = 0;
  #last = 0;
  /** Whether something beside the paths has to be looked at. */
  #stirred = false;
  /** Looked at, and not taken; the latest at the end. `born`: whoever takes it does not know of it. */
  #ready = new Map<string, { readonly kind: ChangeKind; readonly born: boolean }>();
  #rescan = false;
  /**
   * Those that came and went without anybody having heard of them, and the look at which that was found, and when: the
   * event of their end may come only now.
   */
  readonly #passed = new Map<string, { readonly look: number; readonly at: number }>();
  #looks = 0;

  constructor(debounce: number, maxDelay: number) {
    this.#debounce = debounce;
    this.#maxDelay = maxDelay;
  }

  /** An event of a path. */
  touched(path: string, { fresh, born }: Touch, now: number): void {
    this.stir(now);
    const before = this.#dirty.get(path);
    this.#dirty.set(path, { fresh: fresh || before?.fresh === true, born: before?.born ?? born });
  }

  /** An event after which there is something to look at, whatever that is. */
  stir(now: number): void {
    if (!this.#stirred) this.#first = now;
    this.#stirred = true;
    this.#last = now;
  }

  /** Events were lost. */
  lost(now: number): void {
    this.stir(now);
    this.#rescan = true;
  }

  /** When to look; `null` if there is no need to. */
  get due(): number | null {
    return this.#stirred ? Math.min(this.#last + this.#debounce, this.#first + this.#maxDelay) : null;
  }

  /** What to look at now. */
  takeDirty(): ReadonlyMap<string, Touch> {
    const dirty = this.#dirty;
    this.#dirty = new Map();
    this.#stirred = false;
    this.#looks++;
    for (const [path, { look, at }] of this.#passed) {
      // On a busy machine there are many looks between two events.
      if (look < this.#looks - PASSED_LOOKS && at < this.#last - PASSED_TIME) this.#passed.delete(path);
    }
    return dirty;
  }

  /** What a path was found to be. */
  found(path: string, kind: ChangeKind, { born }: Pick<Touch, "born"> = { born: false }): void {
    const unknown = this.#ready.get(path)?.born ?? (born || this.#passed.has(path));
    this.#ready.delete(path);
    this.#passed.delete(path);
    if (kind === "removed") {
      for (const other of this.#ready.keys()) if (below(path, other) !== null) this.#ready.delete(other);
      // A file that only was there for a moment, such as that of an atomic save.
      if (unknown) {
        this.#passed.set(path, { look: this.#looks, at: this.#last });
        return;
      }
    }
    this.#ready.set(path, { kind, born: unknown });
  }

  /** What to report, if there is something, which is forgotten then. */
  take(): { readonly changes: readonly { path: string; kind: ChangeKind }[]; readonly rescan: boolean } | null {
    // While a rescan is not looked at, it is too early to say so: what is changing would be scanned.
    const rescan = this.#rescan && !this.#stirred;
    if (this.#ready.size === 0 && !rescan) return null;
    const changes = [...this.#ready].map(([path, { kind }]) => ({ path, kind }));
    this.#ready = new Map();
    if (rescan) this.#rescan = false;
    return { changes, rescan };
  }
}
