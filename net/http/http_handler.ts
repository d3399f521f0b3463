/** The handlers of a server of HTTP. */

import type { TcpAddress } from "../../core/mod.ts";

/** Given to a handler besides the request. */
export interface HttpRequestInfo {
  /** Where the client is. Asked of the host when it is read, so read it before the answer. */
  readonly remoteAddress: TcpAddress;
}

/** Answers requests: see `httpServer()`. */
export type HttpHandler = (request: Request, info: HttpRequestInfo) => Response | Promise<Response>;
