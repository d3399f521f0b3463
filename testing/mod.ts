/**
 * Time that tests control.
 *
 * @module
 */

export {
  checkChannel,
  type CheckChannelOptions,
  type CheckedReceiveChannel,
  type CheckedSendChannel,
} from "./check_channel.ts";
export { type CheckedListener, checkListener, type CheckListenerOptions } from "./check_listener.ts";
export {
  checkHalfCloseableStream,
  checkOneWayStream,
  type CheckStreamOptions,
  checkTwoWayStream,
  type CheckTwoWayStreamOptions,
} from "./check_streams.ts";
export { assertCancellable, assertCheckpoints, assertNoCheckpoints } from "./checkpoints.ts";
export {
  type ErrorExpectation,
  type ErrorProperties,
  expectErrors,
  type ExpectErrorsOptions,
  group,
  type GroupExpectation,
} from "./expect_errors.ts";
export { assertFair, type FairLock } from "./fairness.ts";
export { type CheckOptions, RuleError, type StepContext } from "./conformance.ts";
export type { LeakKind, LeakPolicies, LeakPolicy } from "./leaks.ts";
export { lockstepStreamPair } from "./lockstep_stream.ts";
export {
  type MemoryStream,
  type MemoryStreamHooks,
  memoryStreamOneWayPair,
  type MemoryStreamOptions,
  memoryStreamPair,
} from "./memory_stream.ts";
export { MockClock, type MockClockOptions } from "./mock_clock.ts";
export { type ScriptedStream, scriptedStream, ScriptError } from "./scripted_stream.ts";
export type {
  DirectionOptions,
  DnsOptions,
  LinkOptions,
  VirtualConnection,
  VirtualHost,
  VirtualNetwork,
  VirtualTraffic,
} from "./net/virtual_network.ts";
export { Sequencer } from "./sequencer.ts";
export { settled, type SettledOptions, waitAllTasksBlocked } from "./settled.ts";
export { type Background, simulate, simulated, type SimulateOptions, type Simulation } from "./simulate.ts";
export { sweepCancel, SweepError, type SweepFlavour, type SweepOptions, type SweepReport } from "./sweep_cancel.ts";
export { trickle, type TrickleOptions } from "./trickle.ts";
