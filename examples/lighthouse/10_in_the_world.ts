// deno-lint-ignore-file no-console
/**
 * The lighthouse, as it runs on a server: with a page for people.
 *
 * Run it: deno run --allow-net examples/lighthouse/10_in_the_world.ts 7070 localhost:9000 localhost:8000 example.com:443
 * Look at it: http://localhost:8080/
 */
import {
  httpServer,
  run,
  type ServeHttpOptions,
  type Server,
  serverSentEvents,
  type TcpAddress,
  untilShutdown,
  type WatchReceiver,
} from "@trefoil/io";
import { check } from "./3_when_things_fail.ts";
import type { States } from "./4_watching.ts";
import { parseArgs } from "./6_alarms.ts";
import { gently } from "./7_not_too_much.ts";
import { GRACE, keepWatch } from "./8_winding_down.ts";

/** Shows what the server says, and what it says next. */
const PAGE = `<!doctype html>
<title>Lighthouse</title>
<pre id="states">one moment</pre>
<script>
  new EventSource("/events").onmessage = ({ data }) => document.getElementById("states").textContent = data;
</script>
`;

/** A picture of the states whenever they have changed, until a shutdown. */
async function* pictures(seen: WatchReceiver<States>): AsyncGenerator<string> {
  for await (const states of untilShutdown(seen)) yield [...states].map((pair) => pair.join(" ")).join("\n");
}

/** A page for people, its events, and the states for programs. */
export function statusPage(seen: WatchReceiver<States>, options: ServeHttpOptions): Server<TcpAddress> {
  return httpServer((request) => {
    switch (new URL(request.url).pathname) {
      case "/":
        return new Response(PAGE, { headers: { "content-type": "text/html; charset=utf-8" } });
      case "/events":
        return serverSentEvents(pictures(seen.clone()));
      case "/states":
        return Response.json(Object.fromEntries(seen.value));
      default:
        return new Response("try /, /events or /states\n", { status: 404 });
    }
  }, options);
}

if (import.meta.main) {
  const [targets, options] = parseArgs(Deno.args);
  const attempt = gently({ atOnce: 100, perSecond: 200 });
  const started = () => console.log("see http://localhost:8080/, and Ctrl-\\ for what every task is doing");
  run(() =>
    keepWatch(targets, {
      ...options,
      check: (target) => check(target, attempt),
      beside: (seen) => statusPage(seen, { port: 8080 })({ started }),
    }), { grace: GRACE });
}
