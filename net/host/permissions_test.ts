/**
 * With the permissions that programs are given: for a name, as in `--allow-net=example.com`, not for its addresses.
 * Deno asks for each on its own, and a prompt would block the test: there is nobody to answer it.
 */

import { assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { openNursery } from "../../core/mod.ts";
import { openTcpListeners, openTcpStream, openTlsStream, tcpServer } from "../mod.ts";

Deno.test({
  name: "a program that may use a name connects to it and listens on it, without a permission for its addresses",
  permissions: { net: ["localhost"] },
  async fn() {
    await openNursery(async (nursery) => {
      const [address] = await nursery.start(
        tcpServer((stream) => stream.sendAll(new Uint8Array([7])), { hostname: "localhost", port: 0 }),
      );
      using stream = await openTcpStream("localhost", address.port);
      assertEquals(await stream.receiveSome(), new Uint8Array([7]));
      nursery.cancel();
    });
  },
});

Deno.test({
  name: "a name the program may not use is Deno's error of the missing permission, which says what to do",
  permissions: { net: ["127.0.0.1"] },
  async fn() {
    for (const open of [openTcpStream, openTlsStream]) {
      const error = await open("localhost", 9).catch((error) => error);
      assertInstanceOf(error, Deno.errors.NotCapable);
      assertEquals(error.message, 'Requires net access to "localhost:9", run again with the --allow-net flag');
    }
    await assertRejects(
      () => openTcpListeners(0, { hostname: "localhost" }),
      Deno.errors.NotCapable,
      'Requires net access to "localhost:0", run again with the --allow-net flag',
    );
  },
});
