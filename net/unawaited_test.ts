import { assert } from "@std/assert";
import { checkpoint, handleErrors, moveOnAfter, openNursery, run, sleepForever } from "../core/mod.ts";
import type { NetworkListener } from "../core/lowlevel.ts";
import { ScriptedReceiveStream } from "./_fixtures/memory_streams.ts";
import {
  BufferedReceiver,
  openTcpListeners,
  openTcpStream,
  openWebSocket,
  serveHttp,
  serveListeners,
  serveTcp,
  SocketListener,
} from "./mod.ts";
import { ScriptedNetwork } from "./_fixtures/scripted_network.ts";

Deno.test("calls that nobody awaits do not end the process when they are cancelled", async () => {
  const listener: NetworkListener = {
    addr: { transport: "tcp", hostname: "10.0.0.1", port: 1 },
    accept: () => new Promise(() => {}),
    close() {},
  };
  const calls: (() => Promise<unknown>)[] = [
    () => openTcpStream("127.0.0.1", 9),
    () => openTcpListeners(0),
    () => serveTcp(() => {}, { port: 0 }),
    () => serveListeners(() => {}, [new SocketListener(listener)]),
    () => serveHttp(() => new Response(), { port: 0 }),
    () => new BufferedReceiver(new ScriptedReceiveStream())[Symbol.asyncIterator]().next(),
    () => handleErrors(() => sleepForever(), []),
    () => handleErrors(() => openNursery(() => sleepForever()), []),
  ];
  for (const call of calls) {
    const outcome = await run(() =>
      moveOnAfter(Infinity, async (scope) => {
        scope.cancel();
        call();
        await checkpoint();
      }), { network: new ScriptedNetwork([], {}), handleSignals: false });
    assert(outcome.cancelledCaught);
  }
});

Deno.test("calls for WebSockets that nobody awaits do not end the process when they are cancelled", async () => {
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    return Deno.upgradeWebSocket(request).response;
  });
  const url = `ws://127.0.0.1:${server.addr.port}/`;
  await run(async () => {
    await using socket = await openWebSocket(url);
    const calls = [
      () => openWebSocket(url),
      () => socket.receive(),
      () => socket[Symbol.asyncIterator]().next(),
      () => socket.send("never sent"),
    ];
    for (const early of [true, false]) {
      for (const call of calls) {
        const outcome = await moveOnAfter(Infinity, async (scope) => {
          if (early) scope.cancel();
          call();
          scope.cancel();
          await checkpoint();
        });
        assert(outcome.cancelledCaught);
      }
    }
  }, { handleSignals: false });
});
