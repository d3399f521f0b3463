/**
 * What the program and a worker say to each other. All of it can be cloned.
 *
 *     program                      worker
 *        ◀───────── ready ──────────  the module was loaded; or failed, and it ends
 *        ────────── call ──────────▶
 *        ◀───── item, item, … ──────  of a stream, at most as many as there is credit
 *        ────────── credit ─────────▶
 *        ◀────────── ask ───────────  a function of the program is wanted
 *        ────────── told ──────────▶
 *        ────────── cancel ─────────▶ also where the loop over a stream is left
 *        ◀──── result or error ─────  always exactly one; after it, the next call
 *        ◀───────── crash ──────────  at any time: an error that nobody has caught
 *
 * Every message of a call carries its number: what comes late must not be taken for something of the next one.
 */

import type { Packed } from "./_across.ts";

/** An argument that is a function of the program. */
export interface CallbackMark {
  /** Which of the arguments. */
  readonly index: number;
  /** Whether the worker blocks until it was told. */
  readonly blocking: boolean;
}

/** What a function of the program has returned or thrown. */
export type Told = { readonly value: unknown } | { readonly error: Packed };

/** What the program says. */
export type ToWorker =
  | {
    readonly type: "call";
    readonly call: number;
    readonly name: string;
    readonly args: readonly unknown[];
    readonly callbacks: readonly CallbackMark[];
    /** How many items may be under way at first; `null` for a call. */
    readonly credit: number | null;
  }
  | { readonly type: "credit"; readonly call: number; readonly count: number }
  | { readonly type: "cancel"; readonly call: number; readonly reason: string }
  | { readonly type: "told"; readonly call: number; readonly question: number; readonly told: Told };

/** What a worker says of one call. */
export type OfCall =
  | { readonly type: "result"; readonly call: number; readonly value: unknown }
  | {
    readonly type: "error";
    readonly call: number;
    readonly error: Packed;
    /** Whether it only says that the call was cancelled. */
    readonly cancelled: boolean;
  }
  | { readonly type: "item"; readonly call: number; readonly value: unknown }
  | {
    readonly type: "ask";
    readonly call: number;
    readonly question: number;
    readonly index: number;
    readonly args: readonly unknown[];
  };

/** What a worker says. */
export type FromWorker =
  | OfCall
  | { readonly type: "ready"; readonly functions: readonly string[]; readonly version: string | null }
  | { readonly type: "failed"; readonly error: Packed }
  | { readonly type: "crash"; readonly error: Packed };
