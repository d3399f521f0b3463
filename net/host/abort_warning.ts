/**
 * Keeps a warning of the host from the users of a server.
 *
 * Deno 2.9.6 warns, once per process, when a request whose signal was asked for is answered well: its signal is aborted
 * then, too, which some program might take for a client that has gone. This library asks for the signal of each request
 * that is not answered soon, listens no more when it answers, and so is not meant; but the warning would stand in the
 * log of nearly every server, and its reader could do nothing about it. The host gives no other way to be told of a
 * client that goes, and only a flag of the command line to be silent. So `console.warn()` passes over this one text,
 * until it has come once.
 */

const TEXT = "Deno.serve: request.signal aborts on successful responses";

let done = false;

/** To be called before the signal of a request is asked for. */
export function muteAbortWarning(): void {
  if (done) return;
  done = true;
  const { console } = globalThis;
  const { warn } = console;
  const filter: typeof warn = function (this: unknown, ...data: unknown[]): void {
    if (data.length !== 1 || typeof data[0] !== "string" || !data[0].startsWith(TEXT)) {
      return Reflect.apply(warn, this, data);
    }
    if (console.warn === filter) console.warn = warn;
  };
  console.warn = filter;
}
