// deno-lint-ignore-file no-console
/** Loads the whole package on another host, and tries what goes to the network or starts a program: see `suites_test.ts`. */

import { createServer } from "node:http";

// It lies beside the copy of `mod.ts`, not beside this file.
const { fetch, openSignals, openTcpStream, openWebSocket, runProcess, serveHttp, serveTcp } = await import(
  new URL("mod.ts", import.meta.url).href
);
const here = { hostname: "127.0.0.1", port: 0 };
for (
  const call of [
    () => openTcpStream("127.0.0.1", 9),
    () => openWebSocket("ws://127.0.0.1:9/"),
    () => serveTcp(() => {}, here),
    () => serveHttp(() => new Response(), here),
    () => runProcess("true"),
    () => Promise.resolve().then(() => openSignals("SIGHUP")),
  ]
) {
  await call().then(() => console.log("done"), (error) => console.log(String(error.cause ?? error)));
}

const server = createServer((_, response) => response.end("hello"));
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
console.log(await (await fetch(`http://127.0.0.1:${server.address().port}/`)).text());
server.closeAllConnections();
server.close();
