/**
 * Which streams of the web platform are in memory, though they look like those of the host.
 *
 * To read from one is no operation of the host: virtual time that waited for it would wait for what only comes with time.
 * A stream does not say so itself; the bodies of requests and responses of a network in memory are noted here.
 */

import { HOST, type Owner } from "../../core/internal.ts";

const inMemory = new WeakSet<object>();
const IN_MEMORY: Owner = { inMemory: true };

/** Notes that a stream is in memory. */
export function noteInMemory(stream: object): void {
  inMemory.add(stream);
}

/** Whose a stream is. */
export function ownerOfStream(stream: object): Owner {
  return inMemory.has(stream) ? IN_MEMORY : HOST;
}
