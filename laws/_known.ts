/**
 * Laws that do not hold yet, by the names of their tests. Each is checked to fail, so that a name leaves the list the day
 * it holds; the aim is an empty list.
 */
export const KNOWN: ReadonlySet<string> = new Set<string>([
  "K1: an error beside one's own cancellation, in a SuppressedError, as the newer one, comes out of adopt(), and the cancellation does not",
  "K1: an error beside one's own cancellation, in a SuppressedError, as the newer one, comes out of retry(), and the cancellation does not",
  "K1: an error beside one's own cancellation, in a SuppressedError, as the older one, comes out of adopt(), and the cancellation does not",
  "K1: an error beside one's own cancellation, in a SuppressedError, as the older one, comes out of retry(), and the cancellation does not",
  "K1: an error beside one's own cancellation, in a group, comes out of adopt(), and the cancellation does not",
  "K1: an error beside one's own cancellation, in a group, comes out of retry(), and the cancellation does not",
  "K2: ErrorGroup.split() survives a group in itself",
  "K2: ErrorGroup.split() survives an AggregateError of nothing",
  "K2: ErrorGroup.split() survives an error suppressed by itself",
  "K2: a handler of serveHttp() survives a cancellation of a second copy",
  "K2: a handler of serveHttp() survives a group in itself",
  "K2: a handler of serveHttp() survives a group of a second copy, with its cancellation",
  "K2: a handler of serveHttp() survives a group of what is hostile",
  "K2: a handler of serveHttp() survives a proxy of a group that throws",
  "K2: a handler of serveHttp() survives a proxy of an error that throws",
  "K2: a handler of serveHttp() survives a proxy that throws",
  "K2: a handler of serveHttp() survives a proxy whose prototype throws",
  "K2: a handler of serveHttp() survives a revoked proxy",
  "K2: a handler of serveHttp() survives a revoked proxy of a function",
  "K2: a handler of serveHttp() survives a revoked proxy of an array",
  "K2: a handler of serveHttp() survives a revoked proxy of an error",
  "K2: a handler of serveHttp() survives a revoked proxy of another realm",
  'K2: a handler of serveHttp() survives an error whose "constructor" throws',
  'K2: a handler of serveHttp() survives an error whose "message" throws',
  "K2: a handler of serveHttp() survives an error with a message that is no text",
  "K2: a handler of serveTcp() survives a cancellation of a second copy",
  "K2: a handler of serveTcp() survives a group in itself",
  "K2: a handler of serveTcp() survives a group of a second copy, with its cancellation",
  "K2: handleErrors() with a match survives a group in itself",
  "K2: handleErrors() with a match survives an AggregateError of nothing",
  "K2: handleErrors() with a match survives an error suppressed by itself",
  "K3: run, which nobody awaits, does not end the process when its block ends",
  "K3: run, which nobody awaits, does not end the process when its scope is cancelled",
  "K3: run, which nobody awaits, does not end the process when its scope is cancelled at once",
  "K3: run, which nobody awaits, does not end the process when its scope was cancelled before",
  "K3: run, which nobody awaits, does not end the process when its task is cancelled",
  "K3: serveListeners, which nobody awaits, does not end the process when its own side closes",
  "K3: serveListeners, which nobody awaits, does not end the process when its own side had closed",
  "K4: BufferedStream.[Symbol.asyncIterator] (over a user's stream) in a cancelled scope is refused, and lets timers fire",
  "K4: BufferedStream.[Symbol.asyncIterator] (over a user's stream) that is ready, in a loop, is cancelled",
  "K4: BufferedStream.[Symbol.asyncIterator] (over a user's stream) that is ready, in a loop, lets timers fire",
  "K4: BufferedStream.lines (over a user's stream) in a cancelled scope is refused, and lets timers fire",
  "K4: BufferedStream.lines (over a user's stream) that is ready, in a loop, is cancelled",
  "K4: BufferedStream.lines (over a user's stream) that is ready, in a loop, lets timers fire",
  "K4: BufferedStream.peek (over a user's stream) in a cancelled scope is refused, and lets timers fire",
  "K4: BufferedStream.readUint16 (over a user's stream) in a cancelled scope is refused, and lets timers fire",
  "K4: BufferedStream.readUint16 (over a user's stream) that is ready, in a loop, is cancelled",
  "K4: BufferedStream.readUint16 (over a user's stream) that is ready, in a loop, lets timers fire",
  "K4: BufferedStream.readUint32 (over a user's stream) in a cancelled scope is refused, and lets timers fire",
  "K4: BufferedStream.readUint32 (over a user's stream) that is ready, in a loop, is cancelled",
  "K4: BufferedStream.readUint32 (over a user's stream) that is ready, in a loop, lets timers fire",
  "K4: BufferedStream.readUint64 (over a user's stream) in a cancelled scope is refused, and lets timers fire",
  "K4: BufferedStream.readUint64 (over a user's stream) that is ready, in a loop, is cancelled",
  "K4: BufferedStream.readUint64 (over a user's stream) that is ready, in a loop, lets timers fire",
  "K4: BufferedStream.readUint8 (ended) that is refused, in a loop, lets timers fire and deadlines pass",
  "K4: BufferedStream.readUint8 (over a user's stream) in a cancelled scope is refused, and lets timers fire",
  "K4: BufferedStream.readUint8 (over a user's stream) that is ready, in a loop, is cancelled",
  "K4: BufferedStream.readUint8 (over a user's stream) that is ready, in a loop, lets timers fire",
  "K4: BufferedStream.receiveExactly (endless) goes on for ever, lets timers fire, and is cancelled",
  "K4: BufferedStream.receiveExactly (over a user's stream) in a cancelled scope is refused, and lets timers fire",
  "K4: BufferedStream.receiveExactly (over a user's stream) that is ready, in a loop, is cancelled",
  "K4: BufferedStream.receiveExactly (over a user's stream) that is ready, in a loop, lets timers fire",
  "K4: BufferedStream.receiveInto (over a user's stream) in a cancelled scope is refused, and lets timers fire",
  "K4: BufferedStream.receiveInto (over a user's stream) that is ready, in a loop, is cancelled",
  "K4: BufferedStream.receiveInto (over a user's stream) that is ready, in a loop, lets timers fire",
  "K4: BufferedStream.receiveLine (endless) goes on for ever, lets timers fire, and is cancelled",
  "K4: BufferedStream.receiveLine (over a user's stream) in a cancelled scope is refused, and lets timers fire",
  "K4: BufferedStream.receiveLine (over a user's stream) that is ready, in a loop, is cancelled",
  "K4: BufferedStream.receiveLine (over a user's stream) that is ready, in a loop, lets timers fire",
  "K4: BufferedStream.receiveMessage (endless) goes on for ever, lets timers fire, and is cancelled",
  "K4: BufferedStream.receiveMessage (over a user's stream) in a cancelled scope is refused, and lets timers fire",
  "K4: BufferedStream.receiveMessage (over a user's stream) that is ready, in a loop, is cancelled",
  "K4: BufferedStream.receiveMessage (over a user's stream) that is ready, in a loop, lets timers fire",
  "K4: BufferedStream.receiveSome (ended) in a cancelled scope is refused, and lets timers fire",
  "K4: BufferedStream.receiveSome (ended) that is ready, in a loop, is cancelled",
  "K4: BufferedStream.receiveSome (ended) that is ready, in a loop, lets timers fire",
  "K4: BufferedStream.receiveSome (over a user's stream) in a cancelled scope is refused, and lets timers fire",
  "K4: BufferedStream.receiveSome (over a user's stream) that is ready, in a loop, is cancelled",
  "K4: BufferedStream.receiveSome (over a user's stream) that is ready, in a loop, lets timers fire",
  "K4: BufferedStream.receiveUntil (endless) goes on for ever, lets timers fire, and is cancelled",
  "K4: BufferedStream.receiveUntil (over a user's stream) in a cancelled scope is refused, and lets timers fire",
  "K4: BufferedStream.receiveUntil (over a user's stream) that is ready, in a loop, is cancelled",
  "K4: BufferedStream.receiveUntil (over a user's stream) that is ready, in a loop, lets timers fire",
  "K4: BufferedStream.sendAll (endless) goes on for ever, lets timers fire, and is cancelled",
  "K4: CancellableIterator.next that was closed, in a loop, lets timers fire and deadlines pass",
  "K4: Nursery.start (closed) that is refused, in a loop, lets timers fire and deadlines pass",
  "K4: SocketStream.sendAll (endless) goes on for ever, lets timers fire, and is cancelled",
  "K4: checkpointIfCancelled that is ready, in a loop, is cancelled",
  "K4: checkpointIfCancelled that is ready, in a loop, lets timers fire",
  "K4: pipe (endless) goes on for ever, lets timers fire, and is cancelled",
  "K4: pipe in a cancelled scope is refused, and lets timers fire",
  "K4: pipe that is ready, in a loop, is cancelled",
  "K4: pipe that is ready, in a loop, lets timers fire",
]);

const defined = new Set<string>();

/** A test of a law. */
export function law(name: string, fn: () => void | Promise<void>, options: Partial<Deno.TestDefinition> = {}): void {
  defined.add(name);
  if (!KNOWN.has(name)) return Deno.test({ name, fn, ...options });
  Deno.test({
    name: `${name} [known not to hold]`,
    async fn() {
      try {
        await fn();
      } catch {
        return;
      }
      throw new Error(`"${name}" holds now: take it off the list in _known.ts`);
    },
    // A law that does not hold may leave things behind.
    sanitizeOps: false,
    sanitizeResources: false,
    ...options,
  });
}

/** To be called after all laws whose names begin in some way: names on the list that no law has are an error. */
export function allLaws(beginning: RegExp): void {
  Deno.test(`${beginning.source}: what is known not to hold are laws`, () => {
    const unknown = [...KNOWN].filter((name) => beginning.test(name) && !defined.has(name));
    if (unknown.length > 0) throw new Error(`No laws of such names: ${unknown.join(", ")}`);
  });
}
