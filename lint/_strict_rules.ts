/** The rules of the strict plugin. */

import { busyWait } from "./_busy_wait.ts";
import type { Rule } from "./_rule.ts";
import { sleepLiteral } from "./_sleep_literal.ts";
import { swallowedCancelAnywhere } from "./_swallowed_cancel_anywhere.ts";
import { timeoutParameter } from "./_timeout_parameter.ts";
import { tinyTimeout } from "./_tiny_timeout.ts";
import { uselessNursery } from "./_useless_nursery.ts";

export const STRICT_RULES: readonly Rule[] = [
  swallowedCancelAnywhere,
  tinyTimeout,
  busyWait,
  uselessNursery,
  sleepLiteral,
  timeoutParameter,
];
