// deno-lint-ignore-file no-console
/** The proxy of the benchmark on Node: prints its port. Usage: port of the target */

import { connect, createServer } from "node:net";
import process from "node:process";

const port = Number(process.argv[2]);
const server = createServer({ noDelay: true }, (client) => {
  const target = connect({ port, host: "127.0.0.1", noDelay: true });
  client.on("error", () => {}).pipe(target.on("error", () => {})).pipe(client);
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
