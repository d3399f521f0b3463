/**
 * Tools for tests of concurrent code: simulated time, a network in memory, streams with a script, assertions and
 * conformance suites.
 *
 * `simulate()`, `simulated()`, `settled()` and `MockClock` are in `@trefoil/io` as well. No permission is needed.
 *
 * | you want to                                              | use                                                           |
 * | -------------------------------------------------------- | ------------------------------------------------------------- |
 * | test without waiting, at exact times                     | `simulated()`, or `simulate()` inside of a test               |
 * | wait until everything else waits                         | `settled()`                                                   |
 * | have hosts, outages, latency, crashes                    | `sim.net`: see `VirtualNetwork`                               |
 * | cancel at every point, and see what is left              | `sweepCancel()`                                               |
 * | let everything of the host fail once                     | `sweepFaults()`                                               |
 * | find an order in which it breaks                         | `explore()`, with `buggify()` and `Campaign`                  |
 * | expect several errors                                    | `expectErrors()`                                              |
 * | assert that a function can be cancelled, or is fair      | `assertCancellable()`, `assertCheckpoints()`, `assertNoCheckpoints()`, `assertFair()` |
 * | test a stream, a listener, a channel of your own         | `checkTwoWayStream()`, `checkHalfCloseableStream()`, `checkOneWayStream()`, `checkListener()`, `checkChannel()` |
 * | have streams without a network                           | `memoryStreamPair()`, `memoryStreamOneWayPair()`, `lockstepStreamPair()`, `scriptedStream()`, `trickle()` |
 * | say in which order tasks go on                           | `Sequencer`                                                   |
 *
 * Guides: [testing](docs/guides/testing.md), [simulated networks](docs/guides/simulated-networks.md),
 * [sweeps](docs/guides/sweeps.md), and the [reference](testing/REFERENCE.md).
 *
 * @module
 */

export { checkChannel, type CheckChannelOptions } from "./conformance/check_channel.ts";
export { type CheckedListener, checkListener, type CheckListenerOptions } from "./conformance/check_listener.ts";
export {
  checkHalfCloseableStream,
  checkOneWayStream,
  type CheckStreamOptions,
  checkTwoWayStream,
  type CheckTwoWayStreamOptions,
} from "./conformance/check_streams.ts";
export { assertCancellable, assertCheckpoints, assertNoCheckpoints } from "./assertions/checkpoints.ts";
export {
  type ErrorExpectation,
  type ErrorProperties,
  expectErrors,
  type ExpectErrorsOptions,
  type GroupExpectation,
} from "./assertions/expect_errors.ts";
export { assertFair, type FairLock } from "./assertions/fairness.ts";
export { type CheckOptions, RuleError, type StepContext } from "./conformance/conformance.ts";
export type { LeakKind, LeakPolicies, LeakPolicy } from "./time/leaks.ts";
export { lockstepStreamPair } from "./streams/lockstep_stream.ts";
export {
  type MemoryStream,
  memoryStreamOneWayPair,
  type MemoryStreamOptions,
  memoryStreamPair,
} from "./streams/memory_stream.ts";
export type { MemoryStreamHooks } from "./streams/stream_hooks.ts";
export { MockClock, type MockClockOptions } from "./time/mock_clock.ts";
export type { ProcessScript, VirtualProcess, VirtualProcesses, VirtualProgram } from "./processes/virtual_processes.ts";
export type { VirtualStdin } from "./processes/virtual_stdin.ts";
export type { VirtualWorkers } from "./workers/virtual_workers.ts";
export { type ScriptedStream, scriptedStream, ScriptError } from "./streams/scripted_stream.ts";
export type {
  ChaosKind,
  ChaosOptions,
  ClockOptions,
  DirectionOptions,
  DnsOptions,
  LinkOptions,
  VirtualConnection,
  VirtualDisk,
  VirtualHost,
  VirtualNetwork,
  VirtualTraffic,
} from "./net/virtual_network.ts";
export { Sequencer } from "./time/sequencer.ts";
export { explore } from "./explore/explore.ts";
export { ExploreError } from "./explore/explore_error.ts";
export type { ExploreOptions, ExploreReport } from "./explore/explore_options.ts";
export { settled, type SettledOptions } from "./time/settled.ts";
export { simulate, simulated } from "./time/simulate.ts";
export type { Background, SimulatedOptions, SimulateOptions, Simulation } from "./time/simulation.ts";
export { sweepCancel, SweepError, type SweepOptions, type SweepReport } from "./sweep/sweep_cancel.ts";
export { sweepFaults, type SweepFaultsOptions } from "./sweep/sweep_faults.ts";
export type { SweepFlavour } from "./sweep/sweep_flavour.ts";
export { buggify } from "./watches/buggify.ts";
export { Campaign, type CampaignOptions } from "./watches/campaign.ts";
export { trickle, type TrickleOptions } from "./streams/trickle.ts";
