/**
 * One call of a worker: which of its states it is in, and what has to be done at each event. Pure.
 *
 *     QUEUED ──sent──▶ SENT ──answer──▶ DONE
 *       │               │ cancelled
 *       │               ▼
 *       │            STOPPING ──answer──▶ DONE
 *       │               │ grace over
 *       │               ├── process ──▶ DONE: it is killed
 *       │               └── thread ───▶ WRITTEN_OFF ──answer──▶ DONE
 *       └──cancelled──▶ DONE: nothing was started        (the worker has ended: DONE, from anywhere)
 *
 * A worker has one call at a time, as only then it can be stopped without others. A call keeps its place until it is
 * DONE; so does a thread that was written off, of which nobody knows how long it goes on.
 */

/** See the header. */
export type CallState = "queued" | "sent" | "stopping" | "writtenOff" | "done";

/** What can happen to a call. */
export type CallEvent = "sent" | "cancelled" | "answer" | "graceOver" | "gone";

/**
 * What has to be done: `"interrupt"`, tell the worker that the call is cancelled; `"free"`, the worker can have the next
 * call; `"replace"`, it cannot; `"kill"`, end it; `"writeOff"`, go on without it.
 */
export type CallAction = "nothing" | "interrupt" | "free" | "replace" | "kill" | "writeOff";

type Step = readonly [CallState, CallAction];

const STEPS: Readonly<Record<CallState, Readonly<Partial<Record<CallEvent, Step>>>>> = {
  queued: { sent: ["sent", "nothing"], cancelled: ["done", "nothing"], gone: ["done", "replace"] },
  sent: { answer: ["done", "free"], cancelled: ["stopping", "interrupt"], gone: ["done", "replace"] },
  stopping: { answer: ["done", "free"], graceOver: ["writtenOff", "writeOff"], gone: ["done", "replace"] },
  writtenOff: { answer: ["done", "free"], gone: ["done", "replace"] },
  done: {},
};

/** See the header. */
export class CallMachine {
  readonly #canBeKilled: boolean;
  #state: CallState = "queued";

  constructor(kind: "thread" | "process") {
    this.#canBeKilled = kind === "process";
  }

  /** Where it is. */
  get state(): CallState {
    return this.#state;
  }

  /** Takes a step; what cannot happen in a state changes nothing. */
  on(event: CallEvent): CallAction {
    const [state, action] = STEPS[this.#state][event] ?? [this.#state, "nothing"];
    if (action === "writeOff" && this.#canBeKilled) {
      this.#state = "done";
      return "kill";
    }
    this.#state = state;
    return action;
  }
}
