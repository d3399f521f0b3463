/** The answers of the server itself, and the giving up of those of others. */

import { cancellable, currentTask, shielded } from "../../core/mod.ts";
import { failureOf, ignore, NOTHING, openWaits } from "../../core/internal.ts";

/**
 * How long cleanup may take where nothing says what it waits for, in milliseconds: that of a source that is ended, and
 * that of handlers that are cancelled, until their connections are closed.
 */
export const LAST_WORDS = 500;
/** Ends a stream whose error has gone its own way. */
export const CUT_OFF = new Error("Cannot send the rest of the body as its source failed");

/** The answer to a request that was cancelled. */
export function unavailable(): Response {
  return new Response("Service Unavailable", { status: 503, headers: { connection: "close" } });
}

/** The answer to what is no request, or was broken off by its client. */
export function badRequest(): Response {
  return new Response("Bad Request", { status: 400, headers: { connection: "close" } });
}

/** The answer to a request whose client waits no more, by its own account. */
export function tooLate(): Response {
  return new Response("Gateway Timeout", { status: 504 });
}

/** Tells a client to send no other request on its connection, if that can be said in the headers of an answer. */
export function closingAfter({ status, headers }: Response): void {
  if (status === 101) return;
  try {
    headers.set("connection", "close");
  } catch {
    // Those of a redirect, or of a response that was fetched, cannot be changed.
  }
}

/** The answer to a request whose handler failed. */
export function serverError(): Response {
  return new Response("Internal Server Error", { status: 500 });
}

/**
 * Ends the source of a body; returns what its cleanup failed with, if it did, in an array (a promise cannot bring any
 * error whole). It may take the time that it needs for waits of this library, which say what they are for. A promise of
 * somebody else's may never settle, and must not keep the request.
 */
export async function endSource(
  source: { cancel(reason: unknown): Promise<void> },
  reason: unknown,
): Promise<readonly unknown[]> {
  const ended = source.cancel(reason).then((): unknown[] => [], (error) => [error]);
  while (true) {
    const outcome = await shielded(() => cancellable(ended), { timeout: LAST_WORDS });
    if (!outcome.cancelledCaught) {
      // A source that failed fails its cancelling with the same; any other error is one of its cleanup.
      return outcome.value.filter((error) => error !== reason).map(failureOf).filter((failure) => failure !== NOTHING);
    }
    if (openWaits(currentTask()) === 0) return [];
  }
}

/** Ends an answer that is not sent; throws what that failed with. */
export async function endAnswer({ bodyUsed, body }: Response): Promise<void> {
  if (bodyUsed || body === null || body.locked) return;
  const faults = await endSource(body, undefined);
  if (faults.length > 0) throw faults[0];
}

/** Lets go of an answer that is not sent, without waiting for anything. */
export function abandonAnswer(response: unknown): void {
  if (response instanceof Response && !response.bodyUsed && response.body?.locked === false) {
    response.body.cancel().catch(ignore);
  }
}

/** What is wrong with a response whose body was used, or is locked. */
export function usedBody(): TypeError {
  return new TypeError(
    "Cannot answer a request as the body of its response must not have been used: make a new Response for each request",
  );
}
