/**
 * A task between `nursery.start()` and `started()`: it belongs to the caller.
 *
 *     STARTING ──started()──▶ MOVED      the nursery's from here on; start() returns the value
 *        │  └─ started() while the task is being cancelled with the caller ─▶ the value is kept, the task stays;
 *        │     start() ends with it
 *        └── the task ends ─▶ start() throws its error, or that it never got ready
 */

import { currentNode } from "./context.ts";
import { NOTHING } from "../base/error_tree.ts";
import { taskText } from "../base/task_text.ts";
import { moveNode, setShield } from "./status.ts";
import type { StatusNode } from "./node.ts";
import type { TaskImpl, TaskOwner } from "./task.ts";
import { UNABORTABLE, Waiter } from "./waiter.ts";
import type { SpawnOptions, TaskStatus } from "../tasks/task.ts";

/** What a pending start needs of the nursery it is for. */
export interface StartTarget {
  readonly name: string;
  readonly node: StatusNode;
  /** A pending start is over: with a task that moved in, or without. */
  startEnded(task: TaskImpl<unknown> | null, options?: SpawnOptions): void;
}

/** See the header. */
export class PendingStart<V> implements TaskOwner {
  readonly waiter: Waiter<V>;
  readonly #nursery: StartTarget;
  readonly #caller: StatusNode;
  readonly #options: SpawnOptions | undefined;
  #started = false;
  #value: V | undefined = undefined;

  constructor(nursery: StartTarget, caller: StatusNode, options: SpawnOptions | undefined) {
    this.#nursery = nursery;
    this.#caller = caller;
    this.#options = options;
    // The child gets a cancellation of the caller itself; the caller waits for what comes of it.
    this.waiter = new Waiter<V>(
      caller,
      { kind: "nursery.start", label: () => `a task of "${nursery.name}"` },
      UNABORTABLE,
    );
  }

  begin(task: TaskImpl<unknown>, fn: (status: TaskStatus<V>) => unknown): void {
    const status: TaskStatus<V> = { started: (value) => this.#report(task, value) };
    task.begin(() => fn(status));
  }

  #report(task: TaskImpl<unknown>, value: V): void {
    if (this.#started) {
      throw new TypeError(
        `Cannot report ${taskText(task)} as started as started() was called before: call it once`,
      );
    }
    this.#started = true;
    // Too late: start() has failed already, and there is nobody to tell.
    if (task.state !== "running") return;
    this.#value = value;
    // The caller is being cancelled, and the task with it: it stays, and start() ends when the task does. A task that
    // has shielded itself is up and running in spite of it: it moves, or both would wait for each other for ever.
    if (this.#caller.cancelled !== null && this.#reached(task)) return;
    this.waiter.wake(value);
    // Before the move, which would cancel what it waits for beside this, if the nursery is cancelled.
    if (task.daemon === "last") setShield(task, true);
    moveNode(task, this.#nursery.node);
    // After the move, as it may have to cancel the task: a daemon, when the nursery has nothing else left.
    this.#nursery.startEnded(task, this.#options);
  }

  /** Whether a cancellation of the caller reaches the code that says `started()`. */
  #reached(task: TaskImpl<unknown>): boolean {
    const node = currentNode();
    return (node.task === task ? node : task).cancelled !== null;
  }

  /** The task ended before it moved. */
  childEnded(task: TaskImpl<unknown>, error: unknown): void {
    this.#nursery.startEnded(null);
    if (error !== NOTHING) this.waiter.fail(error);
    else if (this.#started) this.waiter.wake(this.#value as V);
    else {
      this.waiter.fail(
        new TypeError(
          `Cannot start ${
            taskText(task)
          } as it ended before it called status.started(): call it once the task is ready`,
        ),
      );
    }
  }
}
