/** Tests of `core` and `testing` that do not run on other hosts, each with the reason. */

/** Some tests that are left out. */
export interface Excluded {
  /** Why. */
  readonly why: string;
  /** Whole files. */
  readonly files?: readonly string[];
  /** Tests whose names begin with, or have in them, this. */
  readonly names?: readonly RegExp[];
  /** Only on these hosts; on all, if it is not there. */
  readonly on?: readonly string[];
}

export const EXCLUDED: readonly Excluded[] = [
  {
    why: "JavaScriptCore follows no promises to those who await them",
    names: [
      /^A: the functions that would go on are found/,
      /^A: what joins promises is shown/,
      /^A: a program with stacks of its own/,
      /^A1: the tree with places shows where each task waits/,
      /^E1: an error of a timeout says where each wait was awaited/,
      /^a TooSlowError says where a task was started of whose wait no place is known/,
    ],
    on: ["Bun"],
  },
  {
    why: "Uses a function of Deno: Deno.inspect(), Deno.unrefTimer(), Deno.serve()",
    names: [
      /^an uncaught group prints all its errors$/,
      /^the console shows /,
      /^(?:changed|changedOrNull|waitFor)\(\): 10,000 waits that are given up leave nothing in line$/,
      /^what was opened on the host past the simulation is named /,
      /^code outside keeps its own time while a simulation runs$/,
      /^freeze\(\) leaps without anything running/,
      /^the books agree with the run at each step of random programs/,
    ],
    files: ["core/base/inspect_test.ts", "testing/driver/globals_test.ts", "testing/time/real_sockets_test.ts"],
  },
  {
    why: "HTTP in memory has the requests, responses and globals of Deno",
    files: [
      "testing/net/http/http_test.ts",
      "testing/net/http/sim_net_test.ts",
      "testing/net/http/tls_test.ts",
      "testing/net/http/web_socket_test.ts",
      "testing/explore/explore_test.ts",
    ],
  },
  {
    why: "The modules of Node are put on the network in memory through the insides of Deno",
    files: [
      "testing/node/late_import_test.ts",
      "testing/node/node_names_and_timers_test.ts",
      "testing/node/node_net_test.ts",
      "testing/node/node_tls_test.ts",
    ],
  },
  {
    why: "Listens to unhandledrejection events, which are Deno's",
    files: ["testing/driver/foreign_errors_test.ts", "testing/driver/failures_test.ts"],
    names: [
      /never ends the process, cancelled before, at once or later$/,
      /^an error that is no cancellation is not swallowed when nobody awaits its wait$/,
      /^what was found comes first, also if the simulation fails after that/,
      /^hostOperation\(\) leaves a rejection to whoever has the promise/,
      /^no wait that nobody awaits ends the process by its cancellation/,
      /^failing children, joined or not, leave no unhandled rejection$/,
      /^several turns of a sequence that are cancelled together end no process either$/,
      /^the network of a simulation settles what nobody awaits any more$/,
    ],
  },
  {
    why: "Only the first tasks of a process note where they were started, and here many files run in one",
    names: [
      /^the message of a group of groups that are long lists the inner errors without their places/,
      /^the message of a group does not call a task by the name that all have who have none$/,
      /^a deadlock shows a table: task, where it was started/,
      /^what is left open is a leak that names its ends, and where it was opened/,
    ],
  },
  {
    why: "Reports have whole paths there: which the main module is, to which they are relative, only Deno says",
    files: ["testing/driver/leaks_test.ts", "testing/driver/limits_test.ts"],
    names: [
      /^a deadlock is an error that shows the tree, and cleanup runs, in virtual time$/,
      /^what after\(\) finds comes first, and what it leaves behind for that reason after it$/,
    ],
  },
  {
    why: "Waits for real time, or for the grace of a foreign promise, beside everything else that runs in the process",
    files: ["testing/time/peers_test.ts"],
    names: [/^in a simulation a foreign promise has its grace/],
  },
  {
    why: "Looks at a column, which is another one in JavaScript, or at a path, which is a whole one",
    names: [
      /^spawnSite is the line and column of the call/,
      /^a promise awaited before anything else is shown with the place of the test$/,
      /^all waits of a task are shown, each with its line/,
      /^setInterval left running is named with its line/,
      /^the lines of a script/,
    ],
  },
  {
    why: "Is about the first simulation of a process, or about one in which nothing else waits",
    files: ["testing/time/first_simulation_test.ts"],
    names: [/^in no run, /],
  },
  {
    why: "What is called and enters another value by AsyncLocalStorage.enterWith() changes it for its caller, too",
    names: [/^each item, attempt and job begins with the async-local values of the caller/],
  },
  {
    why:
      "Node 22 has async hooks and no context frames: the context after the await of a foreign thenable is another one",
    names: [
      /^a subscriber that leaves its loop is none any more, however it leaves/,
      /^toChannel\(\) gives all values and the end, and returns what the body returns$/,
      /^untilShutdown\(\) waits for the cleanup of its source$/,
      /^untilShutdown\(\) cancels a ReadableStream at a shutdown$/,
      /^pooledMap\(\)/,
      /^AsyncLocalStorage: /,
      /^a source that waits for operations of the library is nothing foreign/,
      /^a run in a scope of the default run is a wait of its caller$/,
    ],
    on: ["Node 22"],
  },
  {
    why: "Node 22 has no SuppressedError: what esbuild makes in its place is a class of each file",
    names: [/SuppressedError/, /wrapped/],
    on: ["Node 22"],
  },
  {
    why: "Bun pulls a stream of its own once more while a pull is under way",
    names: [/^a read of readableFromChannel\(\) that follows another at once waits in its own scope/],
    on: ["Bun"],
  },
  {
    why: "Bun's timers are bound to its loop: its host functions cannot be taken under fake ones",
    files: ["core/base/host_time_test.ts"],
    on: ["Bun"],
  },
];
