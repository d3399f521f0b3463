import { assertEquals } from "@std/assert";
import { moveOnAfter, openNursery, sleep } from "../../core/mod.ts";
import { lockstepStreamPair, simulated } from "../mod.ts";

// What all streams must do is in check_streams_test.ts; here is what these add.

Deno.test(
  "a lockstep send returns when its last byte was received, and not before",
  simulated(() =>
    openNursery(async (nursery) => {
      const [a, b] = lockstepStreamPair();
      using _ = b;
      let sent = false;
      nursery.startSoon(async () => {
        using _ = a;
        await a.sendAll(new Uint8Array([1, 2, 3]));
        sent = true;
      });
      await sleep(1);
      assertEquals(await b.receiveSome(2), new Uint8Array([1, 2]));
      await sleep(1);
      assertEquals(sent, false);
      assertEquals(await b.receiveSome(2), new Uint8Array([3]));
      await sleep(1);
      assertEquals(sent, true);
    })
  ),
);

Deno.test(
  "a cancelled lockstep send takes back what was not received",
  simulated(() =>
    openNursery(async (nursery) => {
      const [a, b] = lockstepStreamPair();
      using _ = b;
      nursery.startSoon(async () => {
        using _ = a;
        const outcome = await moveOnAfter(10, () => a.sendAll(new Uint8Array([1, 2, 3])));
        assertEquals(outcome.cancelledCaught, true);
        await a.sendAll(new Uint8Array([4]));
      });
      await sleep(5);
      assertEquals(await b.receiveSome(1), new Uint8Array([1]));
      await sleep(10);
      assertEquals(await b.receiveSome(), new Uint8Array([4]));
    })
  ),
);
