/**
 * Byte streams over TCP, listeners and servers, on the network of the run.
 *
 * @module
 */

export { openTcpListeners, type OpenTcpListenersOptions } from "./open_tcp_listeners.ts";
export { openTcpStream, type OpenTcpStreamOptions } from "./open_tcp_stream.ts";
export { serveListeners, type ServeOptions, serveTcp, type ServeTcpOptions } from "./serve.ts";
export { SocketListener } from "./socket_listener.ts";
export { SocketStream } from "./socket_stream.ts";
export type { HalfCloseableStream, Listener, ReceiveStream, SendStream, Stream } from "./stream.ts";
