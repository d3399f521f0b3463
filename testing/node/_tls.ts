/**
 * `node:tls` on the network in memory: the TLS of the host, over a socket in memory.
 *
 * That is what `tls.connect()` does when it is given a socket, so it is given one. Servers need nothing: their sockets
 * come from `net.Server`.
 */

import type { Any, NodeModules, Patch } from "./_modules.ts";
import type { World } from "./world.ts";

/** Lets TLS clients of a simulation have sockets on its network. */
export function patchTls({ tls, net, stream }: NodeModules, patch: Patch, find: () => World | null): void {
  patch(tls, "connect", (host) => (...args: Any[]) => {
    if (find() === null) return host(...args);
    const [given, callback] = net._normalizeArgs(args);
    // After a port, or a host, there may be options.
    const more = args.slice(1, 3).find((arg) => typeof arg === "object" && arg !== null);
    const options = { ...given, ...more };
    if (options.socket !== undefined || (options.port ?? options.path ?? null) === null) return host(...args);
    const { timeout, signal: _, onread: __, ...where } = options;
    const socket = net.connect(where);
    const secure = host({ ...options, socket: plainly(socket, stream) }, ...callback === null ? [] : [callback]);
    secure._getpeername = () => socket._getpeername();
    secure._getsockname = () => socket._getsockname();
    if (timeout) secure.setTimeout(timeout);
    socket.once("connect", () => secure.emit("connect"));
    // One that does not come about, or breaks, does so in the name of the one above it.
    socket.on("error", (error: unknown) => secure.destroy(error));
    secure.once("close", () => socket.destroy());
    return secure;
  });
}

/** A stream over a socket: of a socket itself, the host's TLS would take the handle, which has to be the system's. */
function plainly(socket: Any, { Duplex }: Any): Any {
  const duplex = new Duplex({
    read: () => void socket.resume(),
    write: (chunk: Any, _encoding: string, done: Any) => void socket.write(chunk, done),
    final: (done: Any) => void socket.end(done),
    destroy(error: unknown, done: Any) {
      socket.destroy();
      done(error);
    },
  });
  socket.on("data", (chunk: Any) => duplex.push(chunk) || socket.pause());
  socket.on("end", () => duplex.push(null));
  return duplex;
}
