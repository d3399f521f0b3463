/**
 * Byte streams over TCP, TLS and Unix sockets, datagrams over UDP, listeners and servers, on the network of the run; HTTP
 * and WebSockets.
 *
 * Everything here is in `@trefoil/io` as well. No function takes a timeout or a signal: put `failAfter()` around it. In a
 * simulation all of it runs in memory, on virtual time.
 *
 * | you want to                                | use                                                                     |
 * | ------------------------------------------ | ----------------------------------------------------------------------- |
 * | connect                                    | `openTcpStream()`, `openTlsStream()`, `openUnixStream()`                |
 * | serve: a task for each connection          | `serveTcp()`, `serveTls()`, `serveUnix()`                               |
 * | go on when the server is ready             | `nursery.start(tcpServer(…))`, `tlsServer()`, `unixServer()`            |
 * | accept by yourself                         | `openTcpListeners()`, `openTlsListeners()`, `openUnixListener()`, `serveListeners()` |
 * | read lines, numbers or messages            | `BufferedStream`, `BufferedReceiver`                                    |
 * | begin TLS on a connection                  | `startTls()`                                                            |
 * | hand on what comes                         | `pipe()`, `proxy()`                                                     |
 * | make a request                             | `fetch()`: the global one, under your scopes                            |
 * | serve HTTP and events                      | `serveHttp()`, `httpServer()`, `serverSentEvents()`                     |
 * | speak over WebSockets                      | `openWebSocket()`, `upgradeWebSocket()`                                 |
 * | send and receive datagrams                 | `openUdpSocket()`                                                       |
 * | go from and to web streams                 | `streamFromReadable()`, `streamFromWritable()`, `readableFromStream()`, `writableFromStream()` |
 *
 * Guides: [servers](docs/guides/servers.md), [HTTP](docs/guides/http.md), [protocols](docs/guides/protocols.md),
 * [shutdown](docs/guides/shutdown.md), [frameworks](docs/guides/frameworks.md), [databases](docs/guides/databases.md),
 * [permissions](docs/reference/permissions.md).
 *
 * @module
 */

export {
  BufferedReceiver,
  type ByteOrderOptions,
  type MessageOptions,
  type ParsedMessage,
} from "./framing/buffered_receiver.ts";
export { BufferedStream } from "./framing/buffered_stream.ts";
export { fetch, type FetchInit } from "./http/fetch.ts";
export { IncompleteReceiveError, MessageTooLongError } from "./framing/framing_errors.ts";
export { openTcpListeners } from "./listen/open_tcp_listeners.ts";
export { openTcpStream, type OpenTcpStreamOptions } from "./connect/open_tcp_stream.ts";
export { openTlsListeners } from "./listen/open_tls_listeners.ts";
export { openTlsStream, type OpenTlsStreamOptions } from "./connect/open_tls_stream.ts";
export { openUnixListener } from "./listen/open_unix_listener.ts";
export { openUnixStream } from "./connect/open_unix_stream.ts";
export { closeForcefully } from "./streams/close_forcefully.ts";
export { pipe } from "./streams/pipe.ts";
export { proxy, type ProxyTraffic } from "./streams/proxy.ts";
export type { OpenTcpListenersOptions, OpenUnixListenerOptions } from "./base/listen_options.ts";
export type { ServeOptions } from "./base/serve_options.ts";
export type { Server, ServerStatistics } from "./base/server.ts";
export type {
  OpenTlsListenersOptions,
  StartTlsOptions,
  TlsClientOptions,
  TlsIdentity,
  TlsServerOptions,
} from "./host/tls_options.ts";
export { listenerServer, serveListeners, type StreamOf } from "./serve/serve_listeners.ts";
export { serveTcp, type ServeTcpOptions, tcpServer } from "./serve/serve_tcp.ts";
export { type HandshakeOptions, serveTls, type ServeTlsOptions, tlsServer } from "./serve/serve_tls.ts";
export { serveUnix, type ServeUnixOptions, unixServer } from "./serve/serve_unix.ts";
export type { HttpHandler, HttpRequestInfo } from "./http/http_handler.ts";
export { httpServer, serveHttp, type ServeHttpOptions } from "./http/serve_http.ts";
export { type ServerSentEvent, serverSentEvents } from "./http/server_sent_events.ts";
export { SocketListener } from "./listen/socket_listener.ts";
export { SocketStream } from "./streams/socket_stream.ts";
export { startTls } from "./connect/start_tls.ts";
export { StapledStream } from "./streams/stapled_stream.ts";
export type { HalfCloseableStream, Listener, ReceiveStream, SendStream, Stream, TextSender } from "./streams/stream.ts";
export { TlsStream, type TlsStreamOptions } from "./streams/tls_stream.ts";
export {
  readableFromStream,
  streamFromReadable,
  streamFromWritable,
  writableFromStream,
} from "./streams/web_streams.ts";
export { openWebSocket, type OpenWebSocketOptions } from "./http/open_web_socket.ts";
export { upgradeWebSocket, type UpgradeWebSocketOptions } from "./http/upgrade_web_socket.ts";
export type {
  WebSocketChannel,
  WebSocketCloseOptions,
  WebSocketEnd,
  WebSocketMessage,
  WebSocketOptions,
} from "./http/web_socket_channel.ts";
export type { Datagram } from "../core/lowlevel.ts";
export { DatagramError } from "./udp/datagram_error.ts";
export { type MulticastOptions, openUdpSocket, type OpenUdpSocketOptions } from "./udp/open_udp_socket.ts";
export { UdpSocket, type UdpStatistics } from "./udp/udp_socket.ts";
