// deno-lint-ignore-file
import { openMemoryChannel, openNursery } from "@trefoil/io";

const got: number[] = [];
const [send, receive] = openMemoryChannel<number>(1);
await openNursery((nursery) => {
  nursery.startSoon(async () => {
    for (let n = 0; n < 3; n++) send.send(n); // BAD
    send.close();
  });
  nursery.startSoon(async () => {
    for await (const n of receive) got.push(n);
  });
});
// ---
import * as io from "@trefoil/io";
import {
  BufferedStream,
  Lock,
  type Nursery,
  openTcpStream,
  serveTcp,
  sleep as pause,
  sleepForever,
  type Task,
} from "@trefoil/io";
import { settled } from "@trefoil/io/testing";
import { suspend } from "@trefoil/io/lowlevel";
import { lockFile } from "@trefoil/io/os";

const lock = new Lock();
const { checkpoint } = io;
const alias = pause;
export async function names(): Promise<void> {
  pause(5); // BAD
  io.sleep(5); // BAD
  checkpoint(); // BAD
  alias(1); // BAD
  settled(); // BAD
  lockFile("/tmp/x"); // BAD
  lock.acquire(); // BAD
  io["sleep"](5); // BAD
  pause(5); // BAD
  pause?.(5); // BAD
  (pause as (ms: number) => Promise<void>)(5); // BAD
  pause(5) as Promise<unknown>; // BAD, no fix
  pause(5)!; // BAD
  serveTcp(() => {}, { port: 0 }); // BAD, no fix
  sleepForever(); // BAD, no fix
  suspend({ kind: "wait", label: "x" }, () => {}, () => true); // BAD
}
export async function places(ready: boolean, task: Task, nursery: Nursery): Promise<void> {
  ready && pause(1); // BAD
  ready ? pause(1) : task.join(); // BAD
  console.log(ready), pause(2); // BAD
  pause(1).then(() => {}); // BAD
  pause(1).finally(() => {}).then(() => {}); // BAD
  nursery.start(() => {}); // BAD
  nursery?.start(() => {}); // BAD
  if (ready) lock.acquire(); // BAD
  for (;;) pause(1); // BAD
}
export function inPlain(): void {
  pause(1); // BAD, no fix
}
class Client {
  #lock = new Lock();
  stream?: BufferedStream;
  constructor(private readonly other: Lock) {}
  async open(): Promise<void> {
    this.stream = new BufferedStream(await openTcpStream("localhost", 80));
    this.#lock.acquire(); // BAD
    this.other.acquire(); // BAD
    this.stream.sendText("x"); // BAD
    this.stream?.receiveLine(); // BAD
    this.again(); // BAD, no fix
  }
  async again(): Promise<void> {
    if (this.stream) await this.open();
  }
}
interface Parts {
  readonly lock: Lock;
}
const helper = async () => await pause(1);
const tools = {
  async help() {
    await helper();
  },
};
export async function own(client: Client, parts: Parts): Promise<void> {
  client.open(); // BAD, no fix
  parts.lock.acquire(); // BAD
  helper(); // BAD, no fix
  tools.help(); // BAD, no fix
  const { lock: mine } = parts;
  mine.acquire(); // BAD
  const streams = await Promise.all([openTcpStream("a", 1), openTcpStream("b", 1)]);
  streams[0].sendText("x"); // BAD
  const late = await io.failAfter(5, () => openTcpStream("c", 1));
  late.sendText("x"); // BAD
  Promise.race([late.sendEof()]); // BAD
}
export async function values(stream: BufferedStream, open: () => Promise<void>): Promise<void> {
  // @ts-ignore: the compiler sees it, too
  if (lock.acquire()) open; // BAD
  while (stream.receiveLine()) open; // BAD
  console.log(!stream.receiveLine() ? 1 : 2); // BAD
  // @ts-ignore: the compiler sees it, too
  if (stream.buffered > 5 && stream.receiveLine()) open; // BAD
  if (stream.receiveUint8() === (5 as unknown)) open; // BAD
  switch (stream.receiveLine() as unknown) { // BAD, no fix
    case "x":
      break;
  }
  for (; stream.receiveLine();) open; // BAD
  // @ts-ignore: it is not to compile
  using guard = lock.acquire(); // BAD
  // @ts-ignore: it is not to compile
  await using other = openTcpStream("d", 1); // BAD
  if (helper() as unknown) console.log(guard, other); // BAD, no fix
  console.log(`got ${stream.receiveLine()}`); // BAD
  console.log(`${open} ${`deep ${helper()}`}`); // BAD
  // @ts-ignore: the compiler sees it, too
  console.log("got " + stream.receiveLine()); // BAD
}
