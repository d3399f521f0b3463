/** What is below a server of `node:net` in a simulation: see `_socket_handle.ts`. */

import type { SocketAddress } from "../../core/mod.ts";
import type { NetworkConn, NetworkListener } from "../../core/lowlevel.ts";
import type { NodeModules } from "./_modules.ts";
import { addressInfo, asyncId, ownerOf, SocketHandle } from "./_socket_handle.ts";
import type { Resident, World } from "./world.ts";

/** Where a server listens. */
export type Place = { readonly path: string } | {
  readonly hostname: string;
  readonly port: number;
  readonly reusePort: boolean;
};

/** See the header. */
export class ServerHandle implements Resident {
  /** Set by the server. */
  onconnection: (status: number, client?: SocketHandle) => unknown = () => {};
  readonly #id = asyncId();
  readonly #node: NodeModules;
  readonly #world: World;
  readonly #place: Place;
  readonly #lives: () => boolean;
  readonly #hosted: boolean;
  #listener: NetworkListener<NetworkConn<SocketAddress>> | null = null;
  /** Only a server with addresses can be asked for one. */
  readonly getsockname?: (into: Record<string, unknown>) => number;

  constructor(node: NodeModules, world: World, place: Place) {
    this.#node = node;
    this.#world = world;
    this.#place = place;
    this.#lives = world.life();
    this.#hosted = world.isHosted();
    world.residents.add(this);
    if (!("path" in place)) {
      this.getsockname = (into) => {
        Object.assign(into, addressInfo(this.#listener!.addr));
        return 0;
      };
    }
  }

  /** The server of a program that runs on a host ends with it, as in life; that of the test has to be closed. */
  isIdle(): boolean {
    return this.#hosted;
  }

  destroy(): void {
    ownerOf(this, "listen")?.close();
    this.detach();
  }

  detach(): void {
    this.close();
  }

  listen(backlog: number): number {
    const { network } = this.#world;
    try {
      const place = this.#place;
      this.#listener =
        ("path" in place ? network.listenUnix!(place) : network.listen({ ...place, backlog })) as NetworkListener<
          NetworkConn<SocketAddress>
        >;
    } catch (error) {
      return this.#node.errno(String((error as { code?: unknown }).code));
    }
    void this.#accept(this.#listener);
    return 0;
  }

  async #accept(listener: NetworkListener<NetworkConn<SocketAddress>>): Promise<void> {
    for (;;) {
      let conn: NetworkConn<SocketAddress>;
      try {
        conn = await listener.accept();
      } catch {
        // It was closed: of a listener in memory nothing else can fail.
        return;
      }
      if (!this.#lives()) return;
      try {
        this.onconnection(0, new SocketHandle(this.#node, this.#world, conn));
      } catch (error) {
        this.#world.stray(error);
      }
    }
  }

  close(callback?: () => void): void {
    this.#world.residents.delete(this);
    const listener = this.#listener;
    this.#listener = null;
    try {
      listener?.close();
    } catch {
      // Its host has crashed.
    }
    if (callback !== undefined) this.#node.nextTick(callback);
  }

  /** The permissions of a socket's file, of which there is none. */
  fchmod(): number {
    return 0;
  }

  getAsyncId(): number {
    return this.#id;
  }

  ref(): void {}

  unref(): void {}
}
