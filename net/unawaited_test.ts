import { assert } from "@std/assert";
import { checkpoint, handleErrors, moveOnAfter, openNursery, run, sleepForever } from "../core/mod.ts";
import { openTcpListeners, openTcpStream, serveHttp, serveListeners, serveTcp } from "./mod.ts";
import { ScriptedNetwork } from "./_scripted_network.ts";

Deno.test("calls that nobody awaits do not end the process when they are cancelled", async () => {
  const calls: (() => Promise<unknown>)[] = [
    () => openTcpStream("127.0.0.1", 9),
    () => openTcpListeners(0),
    () => serveTcp(() => {}, { port: 0 }),
    () => serveListeners(() => {}, []),
    () => serveHttp(() => new Response(), { port: 0 }),
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
