/**
 * For those who write libraries on this one: the wait that all others are made of, operations of the host, and the seams of
 * a run (clock, network, schedule, instruments).
 *
 * @module
 */

export { type Alarm, AlarmQueue } from "./time/alarm_queue.ts";
export { cancelShieldedCheckpoint, checkpointIfCancelled } from "./scopes/checkpoint.ts";
export { type Clock, realClock } from "./time/clock.ts";
export { currentRun } from "./tasks/current_run.ts";
export { beginHostOperation, type HostOperation, hostOperation } from "./seams/host_operation.ts";
export { onIdle } from "./seams/idle.ts";
export type { Instrument } from "./seams/instrument.ts";
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
  HostProcess,
  HostProcessInput,
  HostProcessOutput,
  ProcessHost,
  ProcessSpawnOptions,
  ProcessStatus,
} from "./seams/processes.ts";
export type { SignalSource } from "./seams/signals.ts";
export { type Schedule } from "./tasks/run.ts";
export type { RunStatistics, RunView } from "./tasks/runtime_view.ts";
export { suspend, type WaitReason, type Waker } from "./kernel/waiter.ts";
export { ParkingLot, type ParkingLotOptions, type ParkingLotStatistics } from "./sync/parking_lot.ts";
export { composedWait } from "./kernel/composed_wait.ts";
