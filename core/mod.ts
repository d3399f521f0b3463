/**
 * Tasks, time, cancellation, synchronisation and channels. Touches no network and needs no permission.
 *
 * Everything here is in `@trefoil/io` as well. Import it from here in a program without a network: it starts in half the
 * time.
 *
 * | you want to                                          | use                                                             |
 * | ---------------------------------------------------- | --------------------------------------------------------------- |
 * | run tasks at the same time, and wait for all of them | `openNursery()`, `nursery.startSoon()`                          |
 * | begin and end a program, with Ctrl-C                 | `run()`                                                         |
 * | stop waiting after some time                         | `moveOnAfter()` (a value or not), `failAfter()` (or an error)   |
 * | cancel from elsewhere                                | `new CancelScope()`, `scope.cancel()`                           |
 * | finish cleanup although cancelled                    | `shielded()`                                                    |
 * | wind down gently                                     | `scope.shutdown()`, `untilShutdown()`                           |
 * | do the same to many things, a few at a time          | `map()`, `forEach()`, `asCompleted()`                           |
 * | take the first, or all                               | `race()`, `any()`, `all()`, `allSettled()`                      |
 * | try again                                            | `retry()`                                                       |
 * | pass values from task to task                        | `openMemoryChannel()`, `openBroadcastChannel()`, `openWatch()`, `select()` |
 * | tell that something has happened                     | `Event`, `Condition`, `Barrier`                                 |
 * | let only some in                                     | `Lock`, `Semaphore`, `CapacityLimiter`, `RateLimiter`           |
 * | compute something once, or share a few of something  | `Lazy`, `LazyMap`, `openPool()`                                 |
 * | await the promises of others, take or give a signal  | `cancellable()`, `withSignal()`, `currentSignal()`              |
 * | handle some of several errors                        | `ErrorGroup`, `handleErrors()`                                  |
 * | see what runs, and what it waits for                 | `taskTree()`                                                    |
 *
 * Guides: [tasks](docs/guides/tasks.md), [cancellation](docs/guides/cancellation.md), [timeouts](docs/guides/timeouts.md),
 * [errors](docs/guides/errors.md), [channels](docs/guides/channels.md),
 * [synchronisation](docs/guides/synchronisation.md), [foreign code](docs/guides/foreign.md).
 *
 * @module
 */

export {
  CancelScope,
  type CancelScopeOptions,
  type ScopeOutcome,
  type ShutdownOptions,
} from "./kernel/cancel_scope.ts";
import "./scopes/in_worker.ts";

export { checkpoint } from "./scopes/checkpoint.ts";
export { ErrorGroup, type ErrorMatch, isErrorGroup } from "./kernel/error_group.ts";
export { type ErrorOrigin, originOf } from "./kernel/origin.ts";
export { type ErrorHandler, handleErrors } from "./errors/handle_errors.ts";
export {
  BrokenResourceError,
  BusyResourceError,
  CancelledElsewhereError,
  ClosedResourceError,
  DeadlockError,
  EndOfChannel,
  type PendingWait,
  RunFinishedError,
  TooSlowError,
  type TooSlowErrorOptions,
} from "./errors/errors.ts";
export { Cancelled, type CancelSource, isCancelled, isOnlyCancelled } from "./kernel/cancelled.ts";
export { Event, type EventStatistics } from "./sync/event.ts";
export type {
  MemoryChannelStatistics,
  MemoryReceiveChannel,
  MemorySendChannel,
  ReceiveChannel,
  SendChannel,
} from "./channels/channel.ts";
export { openMemoryChannel } from "./channels/memory_channel.ts";
export type { SocketAddress, TcpAddress, UdpAddress, UnixAddress } from "./seams/address.ts";
export {
  type AdoptOptions,
  type Nursery,
  type SpawnOptions,
  type Task,
  type TaskCancelOptions,
  type TaskStatus,
} from "./tasks/task.ts";
export type { NamedOptions } from "./base/named.ts";
export { openNursery } from "./tasks/nursery.ts";
export { run } from "./tasks/run.ts";
export type { RunOptions } from "./tasks/run_options.ts";
export { currentEffectiveDeadline, currentTime, timeLeft } from "./time/current_time.ts";
export { sleep, sleepForever, sleepUntil } from "./time/sleep.ts";
export { currentTask, taskTree } from "./tasks/current.ts";
export type { TaskState, TaskTree, TaskTreeNode, TaskTreeOptions, TaskTreeWait } from "./tasks/task_tree.ts";
export { failAfter, failAt, moveOnAfter, moveOnAt } from "./scopes/timeouts.ts";
export { withTimeLeft } from "./scopes/with_time_left.ts";
export { shielded, type ShieldedOptions } from "./scopes/shielded.ts";
export { shutdownRequested, untilShutdown } from "./scopes/until_shutdown.ts";
export { Barrier, type BarrierStatistics } from "./sync/barrier.ts";
export {
  type BroadcastChannelOptions,
  type BroadcastChannelStatistics,
  type BroadcastReceiveChannel,
  type BroadcastSendChannel,
  type LagPolicy,
  openBroadcastChannel,
} from "./channels/broadcast_channel.ts";
export { cancellable, type CancellableIterator, type CancellableOptions } from "./scopes/cancellable.ts";
export { type BorrowOptions, CapacityLimiter, type CapacityLimiterStatistics } from "./sync/capacity_limiter.ts";
export {
  all,
  allSettled,
  any,
  type OutcomesOf,
  race,
  type RaceOptions,
  type ResultOf,
  type ResultOfJob,
  type ResultsOf,
} from "./combinators/combinators.ts";
export { Condition, type ConditionStatistics } from "./sync/condition.ts";
export { Lock, type LockStatistics, type ReleaseGuard } from "./sync/lock.ts";
export { asCompleted, type AsCompletedOptions } from "./combinators/as_completed.ts";
export type { CompletedResults } from "./combinators/completed_results.ts";
export { merge, type MergeOptions } from "./combinators/merge.ts";
export { forEach, map } from "./combinators/map.ts";
export type { ConcurrencyOptions, MapOptions } from "./combinators/map_options.ts";
export { Lazy } from "./sync/lazy.ts";
export { LazyMap, type LazyMapOptions } from "./sync/lazy_map.ts";
export { openPool, type Pool, type PoolOptions, type PoolStatistics } from "./sync/pool.ts";
export { RateLimiter, type RateLimiterOptions, type RateLimiterStatistics } from "./sync/rate_limiter.ts";
export type { Backoff } from "./combinators/backoff.ts";
export { retry, type RetryOptions } from "./combinators/retry.ts";
export { service, type ServiceOptions } from "./combinators/service.ts";
export { select, type Selectable, type Selected, type SelectOptions } from "./channels/select.ts";
export { Semaphore, type SemaphoreOptions, type SemaphoreStatistics } from "./sync/semaphore.ts";
export { currentSignal, withSignal } from "./scopes/abort_signal.ts";
export { suppressedErrors } from "./errors/suppressed_errors.ts";
export { toChannel, type ToChannelOptions } from "./channels/to_channel.ts";
export { openWatch, type WatchReceiver, type WatchSender } from "./channels/watch.ts";
export { readableFromChannel, type ReadableReceiver, receiverFromReadable } from "./channels/readable.ts";
