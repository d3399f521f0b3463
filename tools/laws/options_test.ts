/**
 * A law over everything exported that takes options: what is no object is refused by name, before any effect. The names
 * come from `deno doc`, so that what is new has to be looked at.
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  any,
  asCompleted,
  Barrier,
  BufferedReceiver,
  cancellable,
  CancelScope,
  CapacityLimiter,
  childProcess,
  Event,
  forEach,
  httpServer,
  LazyMap,
  listenerServer,
  Lock,
  map,
  merge,
  openBroadcastChannel,
  openMemoryChannel,
  openNursery,
  openPool,
  openProcess,
  openTcpListeners,
  openTcpStream,
  openTlsListeners,
  openTlsStream,
  openUdpSocket,
  openUnixListener,
  openWatch,
  openWebSocket,
  openWorkers,
  race,
  RateLimiter,
  retry,
  run,
  runProcess,
  select,
  Semaphore,
  serveHttp,
  serveListeners,
  serveTcp,
  serveTls,
  serveUnix,
  service,
  settled,
  shielded,
  simulate,
  simulated,
  SocketStream,
  startTls,
  taskTree,
  tcpServer,
  tlsServer,
  TlsStream,
  toChannel,
  unixServer,
  upgradeWebSocket,
} from "../../mod.ts";
import { plugin } from "../../lint/mod.ts";
import { strictPlugin } from "../../lint/strict.ts";
import { openMonitor, OtelInstrument, TraceRecorder, Watchdog } from "../../observe/mod.ts";
import { currentRun, ParkingLot, startSystemTask } from "../../core/lowlevel.ts";
import {
  copyFile,
  lockFile,
  openFile,
  openRawMode,
  openTempDir,
  openTempFile,
  readLines,
  runPipeline,
  stdinLines,
  tryLockFile,
  watchFiles,
  writeFileAtomic,
} from "../../os/mod.ts";
import {
  Campaign,
  expectErrors,
  explore,
  memoryStreamOneWayPair,
  memoryStreamPair,
  MockClock,
  sweepCancel,
  sweepFaults,
  trickle,
} from "../../testing/mod.ts";
import { ENTRIES, namesWithOptions, readDoc } from "../promised_names.ts";
import { Conn, hostListener } from "./_hosts.ts";

type Take = (options: never) => unknown;

const never = (): never => {
  throw new Error("It was called");
};
const LIMITER = (): CapacityLimiter => new CapacityLimiter(1);
const received = (way: (receiver: BufferedReceiver, options: never) => unknown): Take => (options) =>
  way(new BufferedReceiver(new SocketStream(new Conn(true))), options);
const inNursery =
  (way: (nursery: Parameters<Parameters<typeof openNursery>[0]>[0], options: never) => unknown): Take => (options) =>
    openNursery(async (nursery) => {
      try {
        await way(nursery, options);
      } finally {
        nursery.cancel();
      }
    }).catch((error) => {
      throw error.errors[0];
    });

/** How each is given options; all else is right. */
const TAKERS: Readonly<Record<string, Take>> = {
  "BufferedReceiver.lines": received((receiver, options) => receiver.lines(options)),
  "BufferedReceiver.receiveLine": received((receiver, options) => receiver.receiveLine(options)),
  "BufferedReceiver.receiveMessage": received((receiver, options) => receiver.receiveMessage(never, options)),
  "BufferedReceiver.receiveUint16": received((receiver, options) => receiver.receiveUint16(options)),
  "BufferedReceiver.receiveUint32": received((receiver, options) => receiver.receiveUint32(options)),
  "BufferedReceiver.receiveUint64": received((receiver, options) => receiver.receiveUint64(options)),
  "BufferedReceiver.receiveUntil": received((receiver, options) => receiver.receiveUntil("\n", options)),
  "CancelScope.shutdown": (options) => new CancelScope().run((scope) => scope.shutdown(options)),
  "CapacityLimiter.acquire": (options) => LIMITER().acquire(options),
  "CapacityLimiter.release": (options) => LIMITER().release(options),
  "CapacityLimiter.tryAcquire": (options) => LIMITER().tryAcquire(options),
  "Nursery.adopt": inNursery((nursery, options) => nursery.adopt(never, options)),
  "Nursery.start": inNursery((nursery, options) => nursery.start(never, options)),
  "Nursery.startSoon": inNursery((nursery, options) => void nursery.startSoon(never, options)),
  "Task.cancel": inNursery((nursery, options) => nursery.startSoon(() => {}).cancel("why", options)),
  "any": (options) => any([never], options),
  "asCompleted": (options) => asCompleted([1], never, options),
  "cancellable": (options) => cancellable(Promise.resolve(), options),
  "childProcess": (options) => childProcess("true", options),
  "copyFile": (options) => copyFile("/tmp/a", "/tmp/b", options),
  "lockFile": (options) => lockFile("/tmp/a", options),
  "openFile": (options) => openFile("/tmp/a", options),
  "openTempDir": (options) => openTempDir(options),
  "openTempFile": (options) => openTempFile(options),
  "readLines": (options) => readLines("/tmp/a", options),
  "tryLockFile": (options) => tryLockFile("/tmp/a", options),
  "watchFiles": (options) => watchFiles("/tmp", options),
  "writeFileAtomic": (options) => writeFileAtomic("/tmp/a", "", options),
  "expectErrors": (options) => expectErrors(never, [Error], options),
  "explore": (options) => explore(never, options),
  "forEach": (options) => forEach([1], never, options),
  "httpServer": (options) => httpServer(never, options),
  "listenerServer": (options) => listenerServer(never, [hostListener(true) as never], options),
  "map": (options) => map([1], never, options),
  "memoryStreamOneWayPair": (options) => memoryStreamOneWayPair(options),
  "memoryStreamPair": (options) => memoryStreamPair(options),
  "merge": (options) => merge([], options),
  "new Barrier": (options) => new Barrier(1, options),
  "new CancelScope": (options) => new CancelScope(options),
  "new CapacityLimiter": (options) => new CapacityLimiter(1, options),
  "new Event": (options) => new Event(options),
  "new LazyMap": (options) => new LazyMap(never, options),
  "openPool": (options) => openPool(options as never),
  "startSystemTask": (options) => run(() => void startSystemTask(never, options)),
  "new Lock": (options) => new Lock(options),
  "new Campaign": (options) => new Campaign(options),
  "new OtelInstrument": (options) => new OtelInstrument({ metrics: { getMeter: never } }, options),
  "new TraceRecorder": (options) => new TraceRecorder(options),
  "new Watchdog": (options) => new Watchdog(options),
  "new MockClock": (options) => new MockClock(options),
  "new ParkingLot": (options) => new ParkingLot(options),
  "new RateLimiter": (options) => new RateLimiter(1, options),
  "new Semaphore": (options) => new Semaphore(1, options),
  "new TlsStream": (options) => new TlsStream(new Conn(true), options),
  "openBroadcastChannel": (options) => openBroadcastChannel(1, options),
  "openMemoryChannel": (options) => openMemoryChannel(1, options),
  "openNursery": (options) => openNursery(never, options),
  "openMonitor": (options) => openMonitor(options),
  "openRawMode": (options) => openRawMode(options),
  "openProcess": (options) => openProcess("true", options),
  "openTcpListeners": (options) => openTcpListeners(0, options),
  "openTcpStream": (options) => openTcpStream("127.0.0.1", 1, options),
  "openTlsListeners": (options) => openTlsListeners(0, options),
  "openTlsStream": (options) => openTlsStream("127.0.0.1", 1, options),
  "openUdpSocket": (options) => openUdpSocket(options),
  "openUnixListener": (options) => openUnixListener("/run/x.sock", options),
  "openWatch": (options) => openWatch(1, options),
  "openWorkers": (options) => openWorkers("file:///x.ts", options),
  "openWebSocket": (options) => openWebSocket("ws://127.0.0.1:1/", options),
  "race": (options) => race([never], options),
  "retry": (options) => retry(never, options),
  "service": (options) => service(never, options),
  "run": (options) => run(never, options),
  "runPipeline": (options) => runPipeline(["true"], options),
  "runProcess": (options) => runProcess("true", options),
  "select": (options) => select({ one: openMemoryChannel<number>(0)[1] }, options),
  "serveHttp": (options) => serveHttp(never, options),
  "serveListeners": (options) => serveListeners(never, [hostListener(true) as never], options),
  "serveTcp": (options) => serveTcp(never, options),
  "serveTls": (options) => serveTls(never, options),
  "serveUnix": (options) => serveUnix(never, options),
  "settled": (options) => settled(options),
  "shielded": (options) => shielded(never, options),
  "simulate": (options) => simulate(never, options),
  "simulated": (options) => simulated(never, options),
  "stdinLines": (options) => stdinLines(options),
  "startTls": (options) => startTls(new SocketStream(new Conn(true)), options),
  "sweepCancel": (options) => sweepCancel(never, options),
  "sweepFaults": (options) => sweepFaults(never, options),
  "Trace.toHtml": (options) => new TraceRecorder().since(0).toHtml(options),
  "TraceRecorder.toHtml": (options) => new TraceRecorder().toHtml(options),
  "plugin": (options) => plugin(options),
  "strictPlugin": (options) => strictPlugin(options),
  "tcpServer": (options) => tcpServer(never, options),
  "tlsServer": (options) => tlsServer(never, options),
  "taskTree": (options) => taskTree(options),
  "RunView.taskTree": (options) => currentRun().taskTree(options),
  "toChannel": (options) => toChannel([1], never, options),
  "trickle": (options) => trickle(new SocketStream(new Conn(true)), new Uint8Array(1), options),
  "unixServer": (options) => unixServer(never, options),
  "upgradeWebSocket": (options) => upgradeWebSocket(new Request("http://x/"), never, options),
};

/** Names without a taker, and why. */
const EXCEPTIONS: readonly (readonly [names: RegExp, why: string])[] = [
  [/^new \w*(?:Error|ErrorGroup)$/, "those of the language's errors, which passes over what is no object"],
  [/^(?:Network|NetworkHttp|ProcessHost|WorkerHost)\./, "the seam to a host: its maker decides what it does"],
  [/^Otel(?:Meter|Tracer)\./, "of OpenTelemetry, whose business it is"],
  [
    /^(?:Background|VirtualHost)\.startSoon$|^VirtualHost\.clock$|^VirtualNetwork\./,
    "only in a simulation: see testing/arguments_test.ts",
  ],
  [/^check(?:Channel|Listener|\w+Stream)$/, "suites of checks, in simulations of their own"],
  [/^WebSocketChannel\.close$/, "needs a connection: see net/http/web_socket_test.ts"],
];

Deno.test("everything exported that takes options has a taker, or a reason for having none", async () => {
  const names = namesWithOptions(await readDoc(...ENTRIES));
  assert(names.length > 80);
  const excepted = (name: string) => EXCEPTIONS.some(([names]) => names.test(name));
  assertEquals(names.filter((name) => !(name in TAKERS) && !excepted(name)), [], "without a taker");
  assertEquals(Object.keys(TAKERS).filter((name) => !names.includes(name)), [], "takers of what takes none");
  assertEquals(EXCEPTIONS.filter(([regex]) => !names.some((name) => regex.test(name))), [], "reasons for nothing");
});

for (const [name, take] of Object.entries(TAKERS)) {
  Deno.test(`${name}: what is no object is refused as "options", before any effect`, async () => {
    for (const options of [null, 5, "x"]) {
      const error = await Promise.try(() => take(options as never)).then(() => "nothing", (error) => error);
      assertMatch(String(error), /^TypeError: Cannot .* as "options" must be an object: received (?:null|5|"x")$/);
    }
  });
}
