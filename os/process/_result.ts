/** The end of a process, judged. */

import type { ProcessStatus } from "../../core/lowlevel.ts";
import { exitError } from "./_errors.ts";
import type { Plan } from "./_plan.ts";
import type { Supervised } from "./_supervise.ts";

/** What `runProcess()` returns, before its types are known. */
export type SupervisedResult = ProcessStatus & Omit<Supervised, "status">;

/** The result of a process that has ended well, or may end as it likes. */
export function resultOf(plan: Plan, { status, stdout, stderr, leftOpen }: Supervised): SupervisedResult {
  if (plan.check && !status.success) throw exitError(plan, status, { captured: { stdout, stderr } });
  if (leftOpen.length > 0) hint(plan, leftOpen);
  const { code, signal, success } = status;
  return { code, signal, success, stdout, stderr, leftOpen };
}

let hinted = false;

/** Says once what is mostly a surprise. */
function hint(plan: Plan, leftOpen: readonly string[]): void {
  if (hinted) return;
  hinted = true;
  // deno-lint-ignore no-console -- nobody else can tell, and it is no error
  console.error(
    `Trefoil: a descendant of "${plan.name}" still holds its ${leftOpen.join(" and ")}: ` +
      "{ group: true } ends whole trees, { drain: Infinity } waits",
  );
}
