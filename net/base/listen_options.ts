/** Where to listen: on TCP ports, and on Unix sockets. */

import { requireBoolean } from "../../core/internal.ts";
import { requireHostname, requirePort, requireSocketPath } from "./check.ts";

/**
 * Options of `openTcpListeners()`.
 *
 * @category Listening
 */
export interface OpenTcpListenersOptions {
  /**
   * The address to listen on, or a name that stands for addresses. `"127.0.0.1"` and `"localhost"` serve this machine
   * only; `"::"` serves every machine, over IPv6 and IPv4. With permission for the name but not for its addresses
   * (`--allow-net=localhost`), Deno picks one address.
   *
   * @default {"0.0.0.0"}
   */
  readonly hostname?: string;
  /** The most connections that the host keeps waiting to be accepted. The host has its own default and limit. */
  readonly backlog?: number;
  /**
   * Whether other processes may listen on the same port, so that the host spreads the connections over them. Each
   * process needs this option, and Deno must be started with `--unstable-net`.
   *
   * @default {false}
   */
  readonly reusePort?: boolean;
}

/**
 * Options of `openUnixListener()`.
 *
 * @category Listening
 */
export interface OpenUnixListenerOptions {
  /**
   * The permissions of the socket file, such as `0o660` for a group. Users who may write to the file may connect. By
   * default the umask of this process decides; commonly nobody but its own user may connect then.
   *
   * The permissions are set right after the file is made. To keep others out from the first moment, put the file into a
   * folder that they may not enter.
   */
  readonly mode?: number;
}

/** Checks where to listen on TCP, before any effect. */
export function checkListen(port: unknown, options: OpenTcpListenersOptions): void {
  const { hostname = "0.0.0.0", backlog, reusePort } = options;
  const action = "listen";
  requirePort(action, port, 0);
  requireHostname(action, "hostname", hostname);
  if (backlog !== undefined && !(Number.isInteger(backlog) && backlog >= 1)) {
    throw new RangeError(`Cannot listen as "backlog" must be a whole number >= 1: received ${backlog}`);
  }
  if (reusePort !== undefined) requireBoolean(action, "reusePort", reusePort);
}

/** Checks where to listen on a Unix socket, before any effect. */
export function checkListenUnix(path: unknown, { mode }: OpenUnixListenerOptions): void {
  requireSocketPath("listen", path);
  if (mode === undefined) return;
  if (!(Number.isInteger(mode) && mode >= 0 && mode <= 0o777)) {
    throw new RangeError(`Cannot listen as "mode" must be permissions from 0 to 0o777: received ${mode}`);
  }
  if (path.startsWith("\0")) throw new RangeError('Cannot listen as "mode" must be left out for an abstract name');
}
