// deno-lint-ignore-file no-console
/**
 * The servers of the benchmark of broadcasts, each in a process of its own: what one client sends, all get. Prints its
 * port.
 *
 * Usage: bare | ours | ws
 */

import { all, httpServer, run, upgradeWebSocket, type WebSocketChannel } from "../mod.ts";

const HERE = { hostname: "127.0.0.1", port: 0 };

function bare(): void {
  const sockets = new Set<WebSocket>();
  Deno.serve({ ...HERE, onListen: ({ port }) => console.log(port) }, (request) => {
    const { socket, response } = Deno.upgradeWebSocket(request, { idleTimeout: 0 });
    socket.onopen = () => sockets.add(socket);
    socket.onclose = () => sockets.delete(socket);
    socket.onmessage = ({ data }) => {
      for (const each of sockets) if (each.readyState === WebSocket.OPEN) each.send(data);
    };
    return response;
  });
}

function ours(): Promise<void> {
  const channels = new Set<WebSocketChannel>();
  const handler = (request: Request) =>
    upgradeWebSocket(request, async (channel) => {
      channels.add(channel);
      try {
        for await (const message of channel) await all([...channels].map((each) => () => each.send(message)));
      } finally {
        channels.delete(channel);
      }
    }, { idleTimeout: Infinity });
  return httpServer(handler, HERE)({ started: ([address]) => console.log(address.port) });
}

/** As `ours()`, without a task for each that is sent to: nobody reads so slowly that it held up the others. */
function inTurn(): Promise<void> {
  const channels = new Set<WebSocketChannel>();
  const handler = (request: Request) =>
    upgradeWebSocket(request, async (channel) => {
      channels.add(channel);
      try {
        for await (const message of channel) for (const each of channels) await each.send(message);
      } finally {
        channels.delete(channel);
      }
    }, { idleTimeout: Infinity });
  return httpServer(handler, HERE)({ started: ([address]) => console.log(address.port) });
}

async function ws(): Promise<void> {
  const { WebSocketServer } = await import("npm:ws@8.23.0" as string);
  const server = new WebSocketServer({ host: HERE.hostname, port: 0 }, () => console.log(server.address().port));
  server.on("connection", (socket: { on(name: string, fn: (data: Uint8Array) => void): void }) => {
    socket.on("message", (data) => {
      for (const each of server.clients) if (each.readyState === WebSocket.OPEN) each.send(data, { binary: false });
    });
  });
}

const mode = Deno.args[0];
if (mode === "ours") run(ours);
else if (mode === "ours, in turn") run(inTurn);
else if (mode === "ws") ws();
else bare();
