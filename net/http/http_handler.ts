/** The handlers of a server of HTTP. */

import type { TcpAddress } from "../../core/mod.ts";

/**
 * What a handler is told about a request besides the request itself.
 *
 * @category HTTP
 */
export interface HttpRequestInfo {
  /** The address of the client. The host is asked when this is read, so read it before you answer. */
  readonly remoteAddress: TcpAddress;
}

/**
 * A function that answers requests: see `httpServer()`.
 *
 * @category HTTP
 */
export type HttpHandler = (request: Request, info: HttpRequestInfo) => Response | Promise<Response>;
