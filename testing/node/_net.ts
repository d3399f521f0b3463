/** `node:net` and what is built on it, on the network in memory. */

import type { Any, NodeModules, Patch } from "./_modules.ts";
import { ServerHandle } from "./_server_handle.ts";
import { SocketHandle } from "./_socket_handle.ts";
import type { World } from "./world.ts";

/** Flags of libuv. */
const REUSE_PORT = 4;

/** Lets sockets and servers that belong to a simulation have handles in memory. */
export function patchNet(node: NodeModules, patch: Patch, find: () => World | null): void {
  const { net: { Socket, Server, _normalizeArgs: normalize }, http, setHandle } = node;
  const servers = new WeakSet<object>();

  patch(Socket.prototype, "connect", (host) =>
    function (this: Any, ...args: Any[]) {
      const world = find();
      const [options] = Array.isArray(args[0]) ? args[0] : normalize(args);
      const wanted = (options.port ?? options.path ?? null) !== null;
      if (world !== null && this.encrypted && this._handle && !this.destroyed) {
        // Its handle is one of the system, in which the TLS is.
        throw new TypeError(
          "Cannot connect a TLS socket of node:tls in a simulation as it must be made by tls.connect(): import tls from it, not connect()",
        );
      }
      if (world !== null && wanted && (this.destroyed || !this._handle)) {
        if (this.destroyed) {
          this._handle = null;
          this._peername = this._sockname = undefined;
        }
        this[setHandle](new SocketHandle(node, world));
      }
      return host.apply(this, args);
    });
  // The handle for the next of several addresses.
  patch(Socket.prototype, setHandle, (host) =>
    function (this: Any, handle: Any) {
      const current = this._handle;
      if (!(current instanceof SocketHandle) || handle instanceof SocketHandle) return host.call(this, handle);
      handle.close();
      return host.call(this, new SocketHandle(node, current.world));
    });
  patch(Socket.prototype, "resetAndDestroy", (host) =>
    function (this: Any) {
      if (!(this._handle instanceof SocketHandle) || this.destroyed) return host.call(this);
      if (this.connecting) {
        this.once("connect", () => this._reset());
        this.destroy();
      } else this._reset();
      return this;
    });
  patch(Socket.prototype, "setTimeout", (host) => idleTimeouts(node, find, host));

  patch(
    Server.prototype,
    "_listen2",
    (host) =>
      function (this: Any, address: string | null, port: number, type: number, backlog: number, ...more: Any[]) {
        const [fd, flags] = more;
        const world = find();
        if (world !== null && !this._handle && typeof fd !== "number") {
          servers.add(this);
          this._handle = new ServerHandle(
            node,
            world,
            port === -1 && type === -1
              ? { path: address as string }
              : { hostname: address ?? "::", port: port ?? 0, reusePort: (flags & REUSE_PORT) !== 0 },
          );
        }
        return host.call(this, address, port, type, backlog, ...more);
      },
  );
  // The host's own waits for a timer of the system, beside which time could jump.
  patch(Server.prototype, "_emitCloseIfDrained", (host) =>
    function (this: Any) {
      if (!servers.has(this)) return host.call(this);
      if (!this._handle && !this._connections) node.nextTick(() => this.emit("close"));
    });

  // An agent keeps connections by this name, and the global one is everybody's.
  const numbers = new WeakMap<World, number>();
  let last = 0;
  patch(http.Agent.prototype, "getName", (host) =>
    function (this: Any, ...args: Any[]) {
      const world = find();
      const name = host.apply(this, args);
      if (world === null) return name;
      if (!numbers.has(world)) numbers.set(world, ++last);
      return `${name}:simulation ${numbers.get(world)}`;
    });
}

/**
 * `socket.setTimeout()`, whose timers of the host nobody could see.
 *
 * They are unref'd, but a socket that is open keeps its program; so here they move time, unless their socket is unref'd
 * as well.
 */
function idleTimeouts(node: NodeModules, find: () => World | null, host: (...args: Any[]) => Any): Any {
  const { timeout: place, destroyTimer, timers } = node;
  return function (this: Any, ms: Any, callback?: Any) {
    const handle = this._handle;
    const world = handle instanceof SocketHandle ? handle.world : handle && !this.encrypted ? null : find();
    const usual = typeof ms === "number" && ms >= 0 && Number.isFinite(ms);
    if (world === null || !usual || !(callback === undefined || typeof callback === "function")) {
      return host.call(this, ms, callback);
    }
    if (this.destroyed) return this;
    this.timeout = ms;
    const old = this[place];
    if (old instanceof IdleTimer) old.close();
    else if (old) timers.clearTimeout(old);
    this[place] = null;
    if (ms === 0) {
      if (callback !== undefined) this.removeListener("timeout", callback);
      return this;
    }
    const timer: Any = new IdleTimer(world, this, ms);
    timer[destroyTimer] = () => timer.close();
    this[place] = timer;
    if (callback !== undefined) this.once("timeout", callback);
    return this;
  };
}

/** The timer of one socket, with as much of a `Timeout` as the host's server of HTTP takes hold of. */
class IdleTimer {
  /** The host's own timer, of which there is none. */
  readonly _timer = { _destroyed: true };
  readonly #timer: Any;
  readonly #socket: Any;
  #state: "armed" | "suspended" | "closed" = "armed";

  constructor(world: World, socket: Any, ms: number) {
    this.#socket = socket;
    this.#timer = world.timer("socket", ms, () => socket._onTimeout());
    this.#follow();
  }

  /** Written by the server while it works on a request: the socket is not idle then. */
  get _destroyed(): boolean {
    return this.#state !== "armed";
  }

  set _destroyed(_: boolean) {
    this.#state = "suspended";
    this.#timer.close();
  }

  refresh(): void {
    if (this.#state === "closed") return;
    this.#state = "armed";
    this.#timer.refresh();
    this.#follow();
  }

  close(): void {
    this.#state = "closed";
    this.#timer.close();
  }

  /** Moves time as long as the handle does, which may have come, or gone, since. */
  #follow(): void {
    const handle = this.#socket._handle;
    if (!(handle instanceof SocketHandle)) return;
    handle.idle = this.#timer;
    if (!handle.hasRef()) this.#timer.unref();
  }
}
