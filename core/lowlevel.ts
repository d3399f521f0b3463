/**
 * For library authors: the wait that all others are made of, operations of the host, and the seams of a run (clock,
 * network, schedule, instruments).
 *
 * Programs need nothing of it. What is here is held to the same versions as the rest.
 *
 * | you want to                                            | use                                                         |
 * | ------------------------------------------------------ | ----------------------------------------------------------- |
 * | make a wait that can be cancelled                      | `suspend()`                                                 |
 * | keep a line of tasks that wait                         | `ParkingLot`                                                |
 * | show one wait in place of those it is made of          | `composedWait()`                                            |
 * | call the host, so that a simulation knows of it        | `hostOperation()`, `beginHostOperation()`                   |
 * | notice a cancellation without giving way               | `checkpointIfCancelled()`                                   |
 * | give way without being cancelled                       | `cancelShieldedCheckpoint()`                                |
 * | run beside the program's own tasks                     | `startSystemTask()`                                         |
 * | see tasks, scopes and waits come and go                | `addInstrument()`, `onRun()`, `Instrument`                  |
 * | know the run, or when it has nothing to do             | `currentRun()`, `onIdle()`                                  |
 * | give a run another clock                               | `Clock`, `realClock`, `AlarmQueue`                          |
 * | give a run another network, processes or workers       | `Network`, `ProcessHost`, `WorkerHost`                      |
 *
 * How it works: [the one wait](docs/design/suspend.md), [fairness](docs/design/fairness.md),
 * [how time moves](docs/design/time.md), [foreign code](docs/guides/foreign.md).
 *
 * @module
 */

export { type Alarm, AlarmQueue } from "./time/alarm_queue.ts";
export { cancelShieldedCheckpoint, checkpointIfCancelled } from "./scopes/checkpoint.ts";
export type { Clock, RunStatistics, RunView } from "./time/clock.ts";
export { realClock } from "./kernel/real_clock.ts";
export { currentRun } from "./tasks/current.ts";
export { startSystemTask } from "./tasks/system_task.ts";
export { beginHostOperation, hostOperation } from "./seams/host_operation.ts";
export type { HostOperation } from "./seams/operation.ts";
export { onIdle } from "./seams/idle.ts";
export type { Datagram, NetworkDatagramOptions, NetworkDatagramSocket } from "./seams/datagrams.ts";
export type { Instrument, ScopeView, TaskOutcome, Wait, WakeSource } from "./seams/instrument.ts";
export { addInstrument, onRun } from "./seams/watch_runs.ts";
export type {
  Network,
  NetworkConn,
  NetworkConnectOptions,
  NetworkListener,
  NetworkListenOptions,
  NetworkListenTlsOptions,
  NetworkListenUnixOptions,
  NetworkStartTlsOptions,
  NetworkTlsConn,
  NetworkTlsHandshake,
  ResolvedAddress,
} from "./seams/network.ts";
export type {
  NetworkHttp,
  NetworkHttpRequestInfo,
  NetworkHttpServeOptions,
  NetworkHttpServer,
  NetworkUpgradeOptions,
  NetworkWebSocketOptions,
} from "./seams/http.ts";
export type {
  HostProcess,
  HostProcessInput,
  HostProcessOutput,
  ProcessHost,
  ProcessSpawnOptions,
  ProcessStatus,
} from "./seams/processes.ts";
export type { SignalSource } from "./seams/signals.ts";
export type { StandardInput } from "./seams/stdin.ts";
export type {
  HostWorker,
  WorkerExit,
  WorkerHost,
  WorkerPort,
  WorkerServer,
  WorkerStartOptions,
} from "./seams/workers.ts";
export type { Schedule } from "./tasks/run_options.ts";
export { suspend, type Waker } from "./kernel/suspend.ts";
export type { WaitReason } from "./kernel/wait_reason.ts";
export { ParkingLot, type ParkingLotStatistics } from "./sync/parking_lot.ts";
export { composedWait } from "./kernel/composed_wait.ts";
