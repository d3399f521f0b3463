/**
 * In a worker of `os/workers/` each call runs in a scope which its cancellation cancels: the host in the worker is told
 * here how, when the module that is called there loads the core. Elsewhere this does nothing.
 */

import { withSignal } from "./abort_signal.ts";

interface HostInWorker {
  adopt(run: typeof withSignal): void;
}

(globalThis as { readonly [key: symbol]: HostInWorker | undefined })[Symbol.for("@trefoil/io/worker")]
  ?.adopt(withSignal);
