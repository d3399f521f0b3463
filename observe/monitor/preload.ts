/**
 * Opens a monitor over a program without a change to it:
 *
 * ```sh
 * TREFOIL_MONITOR=9001 deno run --allow-env=TREFOIL_MONITOR --allow-net --preload jsr:@trefoil/io/monitor app.ts
 * ```
 *
 * `TREFOIL_MONITOR` is a port (0 for any), or the path of a Unix socket. Behind it, after commas, may be `cancel`, to
 * allow that tasks are cancelled, and `quiet`, not to print the URL on stderr. Without the variable nothing happens.
 *
 * @module
 */

import { openMonitor } from "./monitor.ts";

const text = Deno.env.get("TREFOIL_MONITOR") ?? "";
if (text !== "") open(text);

function open(setting: string): void {
  const [where = "", ...words] = setting.split(",").map((word) => word.trim());
  const unknown = words.find((word) => !["cancel", "quiet"].includes(word));
  const isPort = /^\d{1,5}$/.test(where);
  if (unknown !== undefined || (!isPort && !/[/\\]/.test(where))) {
    throw new TypeError(
      'Cannot open a monitor as "TREFOIL_MONITOR" must be a port or the path of a socket, with ",cancel" or ",quiet" ' +
        `behind it: received "${setting}"`,
    );
  }
  const monitor = openMonitor({
    ...isPort ? { port: Number(where) } : { path: where },
    allowCancel: words.includes("cancel"),
  });
  // deno-lint-ignore no-console -- the one place where it can be found
  if (!words.includes("quiet")) console.error(`Trefoil monitor: ${monitor.url}`);
}
