/** What our tests use of `@std/net`: see README.md here. */

/** Finds a TCP port nobody listens on. */
export function getAvailablePort(): number {
  using listener = Deno.listen({ port: 0 });
  return (listener.addr as Deno.NetAddr).port;
}
