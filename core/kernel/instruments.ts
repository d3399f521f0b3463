/**
 * The instruments of a run, as the kernel calls them.
 *
 * A run without instruments pays one field test per event; an event for which none has a hook costs a second one, and
 * nothing is made for it. A hook that throws is reported once on the console and its instrument removed; the others are
 * called, and the run goes on.
 */

import { show } from "../base/check.ts";
import { isClockFiring } from "../base/firing.ts";
import { reportHook } from "../base/report_hook.ts";
import type { Instrument, ScopeView, TaskOutcome, WakeSource } from "../seams/instrument.ts";
import type { HostOperation } from "../seams/operation.ts";
import type { Task } from "../tasks/task.ts";
import type { RunView } from "../time/clock.ts";
import { type Cancelled, isCancelled } from "./cancelled.ts";
import { currentNode } from "./context.ts";
import type { OpenWait, RunEvents, StatusNode, TaskNode } from "./node.ts";
import type { WaitReason } from "./wait_reason.ts";

/** One hook of one instrument. */
interface Hook {
  readonly of: Instrument;
  readonly call: (...args: unknown[]) => void;
}

/** Of all instruments that have it, in their order; `null` if none does. */
type Hooks = readonly Hook[] | null;

/** See the header. */
export class Instruments implements RunEvents {
  #list: readonly Instrument[] = [];
  // Each written by `#compile()`.
  #around: Hooks = null;
  #spawned: Hooks = null;
  #exited: Hooks = null;
  #blocked: Hooks = null;
  #woken: Hooks = null;
  #resumed: Hooks = null;
  #entered: Hooks = null;
  #left: Hooks = null;
  #cancelled: Hooks = null;
  #deadline: Hooks = null;
  #forgotten: Hooks = null;
  #started: Hooks = null;
  #ended: Hooks = null;

  /** Whether there is none left. */
  get isEmpty(): boolean {
    return this.#list.length === 0;
  }

  /** Attaches one. */
  add(instrument: Instrument, run: RunView): void {
    if (typeof instrument !== "object" || instrument === null) {
      throw new TypeError(`Cannot add an instrument as it must be an object: received ${show(instrument)}`);
    }
    this.#compile([...this.#list, instrument]);
    this.#call(this.#hooksOf("runStarted", [instrument]), "runStarted", run);
  }

  /** Takes one off. */
  remove(instrument: Instrument): void {
    this.#compile(this.#list.filter((other) => other !== instrument));
  }

  runEnded(): void {
    this.#call(this.#hooksOf("runEnded", this.#list), "runEnded");
  }

  aroundTask(task: TaskNode, start: () => void): void {
    const hooks = this.#around;
    if (hooks === null) return start();
    let started = false;
    const once = (): void => {
      if (!started) start();
      started = true;
    };
    const enter = (index: number): void => {
      const hook = hooks[index];
      if (hook === undefined) return once();
      let entered = false;
      this.#call([hook], "aroundTask", task, () => {
        if (!entered) enter(index + 1);
        entered = true;
      });
      if (!entered) enter(index + 1);
    };
    enter(0);
  }

  taskSpawned(task: TaskNode): void {
    if (this.#spawned === null) return;
    const by = currentNode().task;
    this.#call(this.#spawned, "taskSpawned", task, by.runtime === task.runtime ? by : task);
  }

  taskExited(task: TaskNode, state: string, error: unknown): void {
    if (this.#exited === null) return;
    const outcome = (state === "done" ? { state } : { state, error }) as TaskOutcome;
    this.#call(this.#exited, "taskExited", task, outcome);
  }

  blocked(task: TaskNode, reason: WaitReason, wait: OpenWait): void {
    if (this.#blocked !== null) this.#call(this.#blocked, "blocked", task, reason, wait);
  }

  woken(task: TaskNode, wait: OpenWait, error: unknown): void {
    if (this.#woken !== null) this.#call(this.#woken, "woken", task, wait, sourceOf(task, error));
  }

  resumed(task: TaskNode, reason: WaitReason, wait: OpenWait): void {
    if (this.#resumed !== null) this.#call(this.#resumed, "resumed", task, reason, wait);
  }

  yielded(task: TaskNode, reason: WaitReason): void {
    if (this.#blocked === null && this.#resumed === null && this.#woken === null) return;
    const wait = { task, reason, since: task.runtime.time };
    this.#call(this.#blocked, "blocked", task, reason, wait);
    this.#call(this.#woken, "woken", task, wait, "host");
    this.#call(this.#resumed, "resumed", task, reason, wait);
  }

  scopeEntered(node: StatusNode): void {
    if (this.#entered !== null) this.#call(this.#entered, "scopeEntered", node.task, viewOf(node));
  }

  scopeExited(node: StatusNode, caught: boolean): void {
    if (this.#left !== null) this.#call(this.#left, "scopeExited", node.task, viewOf(node), caught);
  }

  scopeCancelled(node: StatusNode, cancelled: Cancelled): void {
    if (this.#cancelled !== null) this.#call(this.#cancelled, "scopeCancelled", node.task, cancelled, viewOf(node));
  }

  deadlineFired(node: StatusNode, deadline: number): void {
    if (this.#deadline !== null) this.#call(this.#deadline, "deadlineFired", node.task, deadline, viewOf(node));
  }

  forgottenWait(task: TaskNode, reasons: readonly WaitReason[]): void {
    this.#call(this.#forgotten, "forgottenWait", task, reasons);
  }

  hostOperationStarted(operation: HostOperation): void {
    if (this.#started !== null) this.#call(this.#started, "hostOperationStarted", operation.label, operation);
  }

  hostOperationEnded(operation: HostOperation): void {
    if (this.#ended !== null) this.#call(this.#ended, "hostOperationEnded", operation.label, operation);
  }

  #compile(list: readonly Instrument[]): void {
    this.#list = list;
    this.#around = this.#hooksOf("aroundTask", list);
    this.#spawned = this.#hooksOf("taskSpawned", list);
    this.#exited = this.#hooksOf("taskExited", list);
    this.#blocked = this.#hooksOf("blocked", list);
    this.#woken = this.#hooksOf("woken", list);
    this.#resumed = this.#hooksOf("resumed", list);
    this.#entered = this.#hooksOf("scopeEntered", list);
    this.#left = this.#hooksOf("scopeExited", list);
    this.#cancelled = this.#hooksOf("scopeCancelled", list);
    this.#deadline = this.#hooksOf("deadlineFired", list);
    this.#forgotten = this.#hooksOf("forgottenWait", list);
    this.#started = this.#hooksOf("hostOperationStarted", list);
    this.#ended = this.#hooksOf("hostOperationEnded", list);
  }

  #hooksOf(name: keyof Instrument, list: readonly Instrument[]): Hooks {
    const hooks = list.flatMap((of): Hook[] => {
      const hook = of[name] as ((...args: unknown[]) => void) | undefined;
      return hook === undefined || hook === null ? [] : [{ of, call: hook.bind(of) }];
    });
    return hooks.length === 0 ? null : hooks;
  }

  /** Three arguments, and no list of them: this is called for each wait of a run that is watched. */
  #call(hooks: Hooks, name: keyof Instrument, a?: unknown, b?: unknown, c?: unknown): void {
    if (hooks === null) return;
    for (const { of, call } of hooks) {
      try {
        call(a, b, c);
      } catch (error) {
        this.remove(of);
        reportHook(
          `Cannot go on with an instrument as its hook "${name}" threw: the instrument is removed from the run`,
          error,
        );
      }
    }
  }
}

/** What has ended a wait, as far as one can tell. */
function sourceOf(task: TaskNode, error: unknown): WakeSource {
  if (error !== undefined && isCancelled(error)) return "cancel";
  if (isClockFiring()) return "clock";
  const { task: by } = currentNode();
  // A task that waits does not wake itself: that is a callback of the host's, in its context.
  return by === task || by.runtime !== task.runtime ? "host" : by as TaskNode & Task;
}

/** Made when somebody wants to see them. */
const views = new WeakMap<StatusNode, ScopeView>();

function viewOf(node: StatusNode): ScopeView {
  let view = views.get(node);
  if (view === undefined) views.set(node, view = new NodeView(node));
  return view;
}

/** A node, for those who watch. */
class NodeView implements ScopeView {
  readonly kind: "scope" | "nursery" | "task";
  readonly name: string;
  readonly #node: StatusNode;

  constructor(node: StatusNode) {
    this.#node = node;
    const { label, task } = node;
    this.kind = task === node ? "task" : typeof label === "string" ? "scope" : "nursery";
    this.name = task === node ? task.name : typeof label === "string" ? "" : label.name;
  }

  get deadline(): number {
    return this.#node.scope?.deadline ?? Infinity;
  }

  get shield(): boolean {
    return this.#node.shield;
  }
}
