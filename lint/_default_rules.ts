/** The rules of the plugin, the most important first. */

import { asyncForeach } from "./_async_foreach.ts";
import { asyncInterval } from "./_async_interval.ts";
import { awaitedTask } from "./_awaited_task.ts";
import { blockingCall } from "./_blocking_call.ts";
import { earlyReturn } from "./_early_return.ts";
import { foreignDeadline } from "./_foreign_deadline.ts";
import { foreignTimeout } from "./_foreign_timeout.ts";
import { generatorAsTask } from "./_generator_as_task.ts";
import { libraryFetch } from "./_library_fetch.ts";
import { librarySleep } from "./_library_sleep.ts";
import { missingAwait } from "./_missing_await.ts";
import { promiseCombinator } from "./_promise_combinator.ts";
import { promiseForFunction } from "./_promise_for_function.ts";
import { resourceOutlivesNursery } from "./_resource_outlives_nursery.ts";
import type { Rule } from "./_rule.ts";
import { scopeReuse } from "./_scope_reuse.ts";
import { secondsForMilliseconds } from "./_seconds_for_milliseconds.ts";
import { sharedPromise } from "./_shared_promise.ts";
import { startWithoutStarted } from "./_start_without_started.ts";
import { swallowedCancel } from "./_swallowed_cancel.ts";
import { timeoutWithoutWait } from "./_timeout_without_wait.ts";
import { unboundedShield } from "./_unbounded_shield.ts";
import { unshieldedCleanup } from "./_unshielded_cleanup.ts";
import { wrappedCancel } from "./_wrapped_cancel.ts";

export const DEFAULT_RULES: readonly Rule[] = [
  missingAwait,
  swallowedCancel,
  unshieldedCleanup,
  sharedPromise,
  libraryFetch,
  wrappedCancel,
  earlyReturn,
  resourceOutlivesNursery,
  awaitedTask,
  promiseCombinator,
  generatorAsTask,
  promiseForFunction,
  librarySleep,
  startWithoutStarted,
  timeoutWithoutWait,
  blockingCall,
  asyncForeach,
  asyncInterval,
  foreignDeadline,
  foreignTimeout,
  scopeReuse,
  unboundedShield,
  secondsForMilliseconds,
];
