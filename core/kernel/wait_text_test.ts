import { assertEquals } from "@std/assert";
import { hostReason, waitText } from "./wait_text.ts";

Deno.test("a wait for the host says what is done in its kind, and to what in its label", () => {
  for (
    const [operation, kind, label] of [
      ["connect 10.0.0.1:443", "connect", "10.0.0.1:443"],
      ["serve HTTP on 0.0.0.0:80", "serve", "HTTP on 0.0.0.0:80"],
      ["stat /a file with  spaces\nand lines", "stat", "/a file with  spaces\nand lines"],
      ["fetch", "fetch", ""],
      ["", "", ""],
    ] as const
  ) {
    assertEquals(hostReason(operation), { kind, label });
    // As it is shown, it is the name of the operation.
    assertEquals(waitText(kind, label), operation);
  }
});
