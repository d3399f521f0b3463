import { Event, openMemoryChannel, openNursery, type ReceiveChannel, type SendChannel } from "../../core/mod.ts";
import { checkChannel } from "../../testing/mod.ts";
import { httpServer, openWebSocket, upgradeWebSocket, type WebSocketChannel } from "../mod.ts";

/** A WebSocket as an end of a channel of numbers, which go as text. */
function numbers(socket: WebSocketChannel, over: Event): SendChannel<number> & ReceiveChannel<number> {
  const numberOf = (message: unknown): number => Number(message);
  const close = (): Promise<void> => (over.set(), socket.close());
  return {
    send: (value) => socket.send(`${value}`),
    receive: async () => numberOf(await socket.receive()),
    close,
    [Symbol.asyncDispose]: close,
    async *[Symbol.asyncIterator]() {
      for await (const message of socket) yield numberOf(message);
    },
  };
}

for (const sender of ["client", "server"] as const) {
  Deno.test(`a WebSocket keeps the rules of a channel, over loopback, from its ${sender}`, (t) =>
    openNursery(async (nursery) => {
      const [accept, accepted] = openMemoryChannel<SendChannel<number> & ReceiveChannel<number>>(1);
      const converse = async (socket: WebSocketChannel): Promise<void> => {
        const over = new Event();
        await accept.send(numbers(socket, over));
        await over.wait();
      };
      const [address] = await nursery.start(
        httpServer((request) => upgradeWebSocket(request, converse), { hostname: "127.0.0.1", port: 0 }),
      );
      const make = async () => {
        const client = numbers(await openWebSocket(`ws://127.0.0.1:${address.port}/`), new Event());
        const server = await accepted.receive();
        return sender === "client" ? [client, server] as const : [server, client] as const;
      };
      // What fits into the buffers of the host on the way is not known.
      await checkChannel(t, make, { time: "real", capacity: Infinity });
      nursery.cancel();
    }));
}
