/**
 * What becomes of a request that is answered with a WebSocket.
 *
 * The response that a handler returns is only a sign: the host's upgrade happens when the server has it in its hands. An
 * upgrade whose response never reaches the host (an error or a cancellation in between) would end the whole server.
 */

/** An upgrade that was asked for. */
export interface Conversation {
  /** Upgrades the request; gives the real answer, and what to do in the task of the request from then on. */
  begin(request: Request): { readonly answer: Response; readonly converse: () => Promise<void> };
}

const conversations = new WeakMap<Response, Conversation>();

/** Makes a sign. */
export function signFor(conversation: Conversation): Response {
  const response = new Response(null, { status: 101 });
  conversations.set(response, conversation);
  return response;
}

/** What a response is the sign of. */
export function conversationOf(response: Response): Conversation | undefined {
  return conversations.get(response);
}
