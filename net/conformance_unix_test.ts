import { openNursery, type UnixAddress } from "../core/mod.ts";
import { checkHalfCloseableStream, checkListener } from "../testing/mod.ts";
import { openUnixListener, openUnixStream, type SocketStream } from "./mod.ts";

type UnixStream = SocketStream<UnixAddress>;

const folder = await Deno.makeTempDir({ prefix: "trefoil_unix_" });
globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
let last = 0;
const newPath = () => `${folder}/${++last}.sock`;

async function unixPair(): Promise<[UnixStream, UnixStream]> {
  const path = newPath();
  using listener = await openUnixListener(path);
  return await openNursery(async (nursery) => {
    const accepting = nursery.startSoon(() => listener.accept());
    const client = await openUnixStream(path);
    return [client, await accepting.join()] as [UnixStream, UnixStream];
  });
}

Deno.test("Unix streams keep the rules of a half-closeable stream", (t) =>
  checkHalfCloseableStream(t, unixPair, { time: "real" }));

Deno.test("Unix listeners keep the rules of a listener", (t) =>
  checkListener(t, async () => {
    const path = newPath();
    return { listener: await openUnixListener(path), connect: () => openUnixStream(path) };
  }, { time: "real" }));
