/** Servers of the protocols that clients from npm speak: as much of each as the tests ask for. */

import { BufferedStream, serveTcp, type SocketStream } from "../../mod.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const bytes = (text: string) => encoder.encode(text);

type Part = Uint8Array | string | number;

/** Bytes put together, strings and numbers of one byte included. */
function join(...parts: readonly Part[]): Uint8Array {
  const all = parts.map((part) => typeof part === "number" ? [part] : typeof part === "string" ? bytes(part) : part);
  const out = new Uint8Array(all.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of all) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

const int32 = (n: number) => new Uint8Array([n >>> 24, n >>> 16, n >>> 8, n]);
const int16 = (n: number) => new Uint8Array([n >>> 8, n]);
const readInt = (from: Uint8Array) => from.reduce((sum, byte) => sum * 256 + byte, 0);

function server(port: number, talk: (stream: BufferedStream<SocketStream>) => Promise<void>): () => Promise<void> {
  return () =>
    serveTcp(async (socket) => {
      await using stream = new BufferedStream(socket);
      await talk(stream);
    }, { port });
}

/** RESP: GET, SET, INCR and what clients say first. Each life of the server begins with an empty store. */
export function fakeRedis(port = 6379): () => Promise<void> {
  return () => {
    const store = new Map<string, string>();
    const bulk = (value: string | undefined) =>
      value === undefined ? "$-1\r\n" : `$${bytes(value).length}\r\n${value}\r\n`;
    const answers: Record<string, (key: string, value: string) => string> = {
      GET: (key) => bulk(store.get(key)),
      SET: (key, value) => (store.set(key, value), "+OK\r\n"),
      INCR: (key) => (store.set(key, `${Number(store.get(key) ?? 0) + 1}`), `:${store.get(key)}\r\n`),
      INFO: () => bulk("redis_version:7.0.0\r\nloading:0\r\n"),
      PING: () => "+PONG\r\n",
    };
    return server(port, async (stream) => {
      for (;;) {
        const head = await stream.receiveLine();
        if (head === null) return;
        const words: string[] = [];
        for (let n = Number(head.slice(1)); n > 0; n--) {
          const length = Number((await stream.receiveLine())!.slice(1));
          words.push(decoder.decode(await stream.receiveExactly(length)));
          await stream.receiveExactly(2);
        }
        const answer = answers[words[0]!.toUpperCase()];
        await stream.sendAll(bytes(answer?.(words[1] ?? "", words[2] ?? "") ?? "+OK\r\n"));
      }
    })();
  };
}

/** PostgreSQL's protocol, version 3: each query, simple or extended, gives one row with one column, its own text. */
export function fakePostgres(port = 5432): () => Promise<void> {
  const message = (type: string, ...parts: readonly Part[]) => {
    const body = join(...parts);
    return join(type, int32(body.length + 4), body);
  };
  const ready = message("Z", "I");
  const description = message(
    "T",
    int16(1),
    "text\0",
    int32(0),
    int16(0),
    int32(25),
    int16(65_535),
    int32(-1),
    int16(0),
  );
  const row = (text: string) => message("D", int16(1), int32(bytes(text).length), text);
  return server(port, async (stream) => {
    await stream.receiveExactly(readInt(await stream.receiveExactly(4)) - 4);
    await stream.sendAll(join(message("R", int32(0)), message("S", "server_version\0" + "16.0\0"), ready));
    let query = "";
    for (;;) {
      const type = await stream.receiveSome(1);
      if (type === null) return;
      const length = readInt(await stream.receiveExactly(4)) - 4;
      const body = length === 0 ? new Uint8Array() : await stream.receiveExactly(length);
      const text = decoder.decode(body);
      switch (String.fromCharCode(type[0]!)) {
        case "Q":
          query = text.split("\0")[0]!;
          await stream.sendAll(join(description, row(query), message("C", "SELECT 1\0"), ready));
          break;
        case "P":
          query = text.split("\0")[1]!;
          await stream.sendAll(message("1"));
          break;
        case "B":
          await stream.sendAll(message("2"));
          break;
        case "D":
          await stream.sendAll(description);
          break;
        case "E":
          await stream.sendAll(join(row(query), message("C", "SELECT 1\0")));
          break;
        case "S":
          await stream.sendAll(ready);
          break;
        case "X":
          return;
      }
    }
  });
}

/** MySQL's protocol: each query gives one row with one column, its own text. */
export function fakeMysql(port = 3306): () => Promise<void> {
  const packet = (sequence: number, ...parts: readonly Part[]) => {
    const body = join(...parts);
    return join(body.length & 255, body.length >> 8 & 255, body.length >> 16, sequence, body);
  };
  const text = (value: string) => join(bytes(value).length, value);
  const OK = [0, 0, 0, 2, 0, 0, 0];
  return server(port, async (stream) => {
    const salt = "abcdefghijklmnopqrst";
    await stream.sendAll(
      packet(
        0,
        10,
        "8.0.0\0",
        int32(0),
        salt.slice(0, 8),
        0,
        0xff,
        0xf7,
        33,
        2,
        0,
        0xff & 0x0f,
        0x00,
        21,
        "\0".repeat(10),
        salt.slice(8),
        0,
        "mysql_native_password\0",
      ),
    );
    for (let first = true;; first = false) {
      const some = await stream.receiveSome(1);
      if (some === null) return;
      const rest = await stream.receiveExactly(3);
      const body = await stream.receiveExactly(some[0]! + rest[0]! * 256 + rest[1]! * 65_536);
      if (first || body[0] === 14) {
        await stream.sendAll(packet(rest[2]! + 1, ...OK));
      } else if (body[0] === 1) {
        return;
      } else {
        const query = decoder.decode(body.subarray(1));
        const column = join(
          text("def"),
          text(""),
          text(""),
          text(""),
          text("text"),
          text(""),
          12,
          33,
          0,
          255,
          0,
          0,
          0,
          253,
          0,
          0,
          0,
          0,
          0,
        );
        const end = [0xfe, 0, 0, 2, 0];
        await stream.sendAll(
          join(packet(1, 1), packet(2, column), packet(3, ...end), packet(4, text(query)), packet(5, ...end)),
        );
      }
    }
  });
}

/** NATS: what is published goes to whoever has subscribed to exactly that; "echo" is a service that answers. */
export function fakeNats(port = 4222): () => Promise<void> {
  return server(port, async (stream) => {
    const subscriptions = new Map<string, string>();
    await stream.sendAll(
      bytes(`INFO {"server_id":"fake","version":"2.10.0","max_payload":1048576,"headers":true,"client_id":1}\r\n`),
    );
    for (;;) {
      const line = await stream.receiveLine();
      if (line === null) return;
      const [verb, ...args] = line.split(" ");
      if (verb === "PING") await stream.sendAll(bytes("PONG\r\n"));
      else if (verb === "SUB") subscriptions.set(args[0]!, args.at(-1)!);
      else if (verb === "PUB") {
        const body = await stream.receiveExactly(Number(args.at(-1)));
        await stream.receiveExactly(2);
        const [subject, reply] = args.length === 3 ? [args[1]!, args[1]!] : [args[0]!, ""];
        const sid = [...subscriptions].find(([name]) =>
          name === subject || name.endsWith("*") && subject.startsWith(name.slice(0, -1))
        )?.[1];
        if (args[0] === "silence" || sid === undefined) continue;
        await stream.sendAll(join(`MSG ${subject} ${sid} ${reply === "" ? "" : ""}${body.length}\r\n`, body, "\r\n"));
      }
    }
  });
}
