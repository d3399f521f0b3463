/**
 * What a NATS server does, case by case: run against the one in memory and against the real one, which is how the first is
 * known to be like the second. Each case gets a server of its own.
 *
 * Over 400 lines, as it is a list.
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { AckPolicy, type ConsumerInfo, DeliverPolicy, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { Kvm } from "@nats-io/kv";
import { connect, headers, type NatsConnection } from "@nats-io/transport-node";
import { sleep } from "@trefoil/io";
import { WireClient } from "./_wire_client.ts";

/** What is the same for all servers. */
interface Case {
  readonly name: string;
  readonly body: (port: number) => Promise<void>;
}

export const CASES: Case[] = [];

function add(name: string, body: (port: number) => Promise<void>): void {
  CASES.push({ name, body });
}

/** A case in the protocol itself, with so many clients. */
function wire(name: string, body: (...clients: WireClient[]) => Promise<void>, options = {}): void {
  add(name, async (port) => {
    const clients: WireClient[] = [];
    try {
      while (clients.length < Math.max(1, body.length)) clients.push(await WireClient.open(port, options));
      await body(...clients);
    } finally {
      for (const client of clients) client[Symbol.dispose]();
    }
  });
}

/** A case with the client from npm. */
function npm(name: string, body: (nc: NatsConnection) => Promise<void>): void {
  add(name, async (port) => {
    const nc = await connect({ servers: `127.0.0.1:${port}`, reconnect: false });
    try {
      await body(nc);
    } finally {
      await nc.close();
    }
  });
}

const ns = (ms: number) => ms * 1_000_000;

// ── The protocol

wire("INFO tells what the server can do", async (a) => {
  const { version, proto, headers, max_payload, jetstream } = a.info;
  assertEquals([version, proto, headers, max_payload, jetstream], ["2.9.10", 1, true, 1_048_576, true]);
  assertEquals(await a.talk(), []);
});

add("what is not CONNECT may come first", async (port) => {
  using a = await WireClient.open(port, null);
  assertEquals(await a.talk("SUB a 1", "PUB a 2", "hi"), ["+OK", "+OK", "MSG a 1 2", "hi"]);
});

wire("verbose: each line is confirmed", async (a) => {
  assertEquals(await a.talk("SUB a 1", "PUB a 2", "hi", "UNSUB 1"), ["+OK", "+OK", "MSG a 1 2", "hi", "+OK"]);
}, { verbose: true });

wire("a message goes to who has subscribed, with its reply", async (a, b) => {
  await b.talk("SUB news 7");
  await a.talk("PUB news answers 5", "hello", "PUB other 1", "x");
  assertEquals(await b.talk(), ["MSG news 7 answers 5", "hello"]);
});

wire("verbs may be written small, and separated by tabs", async (a) => {
  assertEquals(await a.talk("sub\ta  1", "pub a\t2", "hi"), ["MSG a 1 2", "hi"]);
});

wire("a message may be empty, and hold line ends", async (a) => {
  assertEquals(await a.talk("SUB a 1", "PUB a 0", "", "PUB a 4", "x\r\ny"), ["MSG a 1 0", "", "MSG a 1 4", "x", "y"]);
});

wire("several subscriptions of one client each get it", async (a) => {
  const heard = await a.talk("SUB a.b 1", "SUB a.* 2", "SUB > 3", "PUB a.b 1", "x");
  assertEquals(heard.filter((line) => line !== "x").sort(), ["MSG a.b 1 1", "MSG a.b 2 1", "MSG a.b 3 1"]);
});

wire("* is one word, > one or more", async (a) => {
  await a.talk("SUB x.*.z 1", "SUB y.> 2");
  const sent = ["x.y.z", "x.z", "x.y.y.z", "y", "y.a", "y.a.b"].flatMap((subject) => [`PUB ${subject} 0`, ""]);
  const heard = await a.talk(...sent);
  assertEquals(heard.filter((line) => line !== ""), ["MSG x.y.z 1 0", "MSG y.a 2 0", "MSG y.a.b 2 0"]);
});

wire("a subscription that is none is refused, and nothing else", async (a) => {
  assertEquals(await a.talk("SUB a..b 1"), ["-ERR 'Invalid Subject'"]);
  assertEquals(await a.talk("SUB a.>.b 2", "SUB a 3", "PUB a 0", ""), ["-ERR 'Invalid Subject'", "MSG a 3 0", ""]);
});

wire("pedantic: to a wildcard nobody can publish", async (a) => {
  const [error] = await a.talk("PUB a.* 1", "x");
  assertEquals(error, "-ERR 'Invalid Publish Subject'");
}, { pedantic: true });

wire("UNSUB ends a subscription", async (a) => {
  assertEquals(await a.talk("SUB a 1", "UNSUB 1", "PUB a 0", ""), []);
  assertEquals(await a.talk("UNSUB 99"), []);
});

wire("UNSUB with a number ends it after so many messages in all", async (a) => {
  const heard = await a.talk("SUB a 1", "PUB a 0", "", "UNSUB 1 2", "PUB a 0", "", "PUB a 0", "");
  assertEquals(heard.length, 4);
  assertEquals(await a.talk("SUB b 2", "PUB b 0", "", "PUB b 0", "", "UNSUB 2 2", "PUB b 0", ""), [
    "MSG b 2 0",
    "",
    "MSG b 2 0",
    "",
  ]);
});

wire("of a queue group one gets it", async (a, b, c) => {
  await b.talk("SUB jobs workers 1");
  await c.talk("SUB jobs workers 2");
  await c.talk("SUB jobs 3");
  await a.talk(...Array.from({ length: 100 }, () => ["PUB jobs 0", ""]).flat());
  const heard = [...await b.talk(), ...await c.talk()].filter((line) => line !== "");
  const by = (sid: number) => heard.filter((line) => line === `MSG jobs ${sid} 0`).length;
  assertEquals([by(1) + by(2), by(3)], [100, 100]);
  assert(by(1) > 10 && by(2) > 10, `shared ${by(1)} to ${by(2)}`);
});

wire("a member that is gone gets nothing any more", async (a, b, c) => {
  await b.talk("SUB jobs workers 1");
  await c.talk("SUB jobs workers 2");
  b[Symbol.dispose]();
  await sleep(50);
  await a.talk(...Array.from({ length: 10 }, () => ["PUB jobs 0", ""]).flat());
  assertEquals((await c.talk()).length, 20);
});

wire("echo: false: not one's own", async (a) => {
  assertEquals(await a.talk("SUB a 1", "PUB a 0", ""), []);
}, { echo: false });

wire("headers come as they were sent", async (a) => {
  await a.talk("SUB a 1");
  a.publish("a", "body", { headers: "Key: one\r\nkey: two" });
  assertEquals(await a.talk(), ["HMSG a 1 32 36", "NATS/1.0", "Key: one", "key: two", "", "body"]);
});

wire("a request that nobody takes is answered 503", async (a) => {
  await a.talk("SUB answers.* 9");
  assertEquals(await a.talk("PUB nobody answers.1 2", "hi"), ["HMSG answers.1 9 16 16", "NATS/1.0 503", "", ""]);
  assertEquals(await a.talk("SUB nobody 1", "PUB nobody answers.1 2", "hi"), ["MSG nobody 1 answers.1 2", "hi"]);
});

wire("without no_responders it is not answered", async (a) => {
  assertEquals(await a.talk("SUB answers 9", "PUB nobody answers 2", "hi"), []);
}, { no_responders: false });

wire("an unknown verb ends the connection", async (a) => {
  a.send("HELLO there");
  assertEquals(await a.end(), ["-ERR 'Unknown Protocol Operation'"]);
});

wire("a payload longer than it says ends the connection", async (a) => {
  a.send("SUB a 1", "PUB a 2", "much longer");
  const heard = await a.end();
  assertEquals(heard.at(-1), "-ERR 'Unknown Protocol Operation'");
});

wire("a message that is too large ends the connection", async (a) => {
  a.send("PUB a 1048577", "");
  assertEquals(await a.end(), ["-ERR 'Maximum Payload Violation'"]);
});

wire("a line that is too long ends the connection", async (a) => {
  a.send(`PUB ${"a".repeat(5_000)} 1`, "x");
  assertEquals(await a.end(), ["-ERR 'maximum control line exceeded'"]);
});

wire("a line without its arguments ends the connection", async (a) => {
  a.send("SUB");
  assertEquals((await a.end()).filter((line) => !/Parser|Unknown/.test(line)), []);
});

wire("messages come in the order in which they were sent, of one sender", async (a, b) => {
  await b.talk("SUB a.> 1");
  for (let n = 0; n < 500; n++) a.publish(`a.${n % 7}`, `${n}`);
  await a.talk();
  const heard = (await b.talk()).filter((line) => /^\d+$/.test(line));
  assertEquals(heard, Array.from({ length: 500 }, (_, n) => `${n}`));
});

// ── The client from npm

npm("a request is answered", async (nc) => {
  nc.subscribe("double", { callback: (_, m) => void m.respond(`${2 * Number(m.string())}`) });
  assertEquals((await nc.request("double", "21", { timeout: 2_000 })).string(), "42");
});

npm("a request that nobody takes fails at once", async (nc) => {
  await assertRejects(() => nc.request("nobody", "", { timeout: 60_000 }), Error, "no responders");
});

npm("headers and draining", async (nc) => {
  const sub = nc.subscribe("a");
  const h = headers();
  h.set("Who", "me");
  for (let n = 0; n < 5; n++) nc.publish("a", `${n}`, { headers: h });
  await nc.flush();
  const drained = sub.drain();
  const heard: string[] = [];
  for await (const m of sub) heard.push(m.string() + m.headers?.get("who") + m.headers?.get("Who"));
  await drained;
  assertEquals(heard, ["0me", "1me", "2me", "3me", "4me"]);
});

npm("unsubscribe after so many", async (nc) => {
  const sub = nc.subscribe("a", { max: 2 });
  for (let n = 0; n < 5; n++) nc.publish("a", `${n}`);
  const heard: string[] = [];
  for await (const m of sub) heard.push(m.string());
  assertEquals(heard, ["0", "1"]);
});

// ── Streams

wire("a stream confirms what it stores, with numbers", async (a) => {
  await made(a, { name: "S", subjects: ["s.>"] });
  assertEquals(JSON.parse(await a.ask("s.1", "one")), { stream: "S", seq: 1 });
  assertEquals(JSON.parse(await a.ask("s.2", "two")), { stream: "S", seq: 2 });
  const { state } = JSON.parse(await a.ask("$JS.API.STREAM.INFO.S"));
  const { messages, bytes, first_seq, last_seq, num_subjects, consumer_count } = state;
  assertEquals([messages, bytes, first_seq, last_seq, num_subjects, consumer_count], [2, 72, 1, 2, 2, 0]);
});

wire("what a stream stores goes to subscribers, too", async (a) => {
  await made(a, { name: "S", subjects: ["s"] });
  assertEquals(await a.talk("SUB s 1", "PUB s 2", "hi"), ["MSG s 1 2", "hi"]);
});

wire("a stream is what it is by default", async (a) => {
  const { config, type } = JSON.parse(await made(a, { name: "S" }));
  assertEquals(type, "io.nats.jetstream.api.v1.stream_create_response");
  assertEquals(config, {
    name: "S",
    subjects: ["S"],
    retention: "limits",
    max_consumers: -1,
    max_msgs: -1,
    max_bytes: -1,
    max_age: 0,
    max_msgs_per_subject: -1,
    max_msg_size: -1,
    discard: "old",
    storage: "file",
    num_replicas: 1,
    duplicate_window: ns(120_000),
    sealed: false,
    deny_delete: false,
    deny_purge: false,
    allow_rollup_hdrs: false,
    allow_direct: false,
    mirror_direct: false,
  });
});

wire("a stream may be made twice, if it is the same", async (a) => {
  await made(a, { name: "S", subjects: ["s"] });
  assertEquals(errorOf(await made(a, { name: "S", subjects: ["s"] })), null);
  assertEquals(errorOf(await made(a, { name: "S", subjects: ["s"], max_msgs: 3 })), [
    400,
    10058,
    "stream name already in use with a different configuration",
  ]);
  assertEquals(errorOf(await made(a, { name: "T", subjects: ["*"] })), [
    400,
    10065,
    "subjects overlap with an existing stream",
  ]);
});

wire("what is not there is not found", async (a) => {
  assertEquals(errorOf(await a.ask("$JS.API.STREAM.INFO.S")), [404, 10059, "stream not found"]);
  assertEquals(errorOf(await a.ask("$JS.API.CONSUMER.INFO.S.c")), [404, 10059, "stream not found"]);
  await made(a, { name: "S" });
  assertEquals(errorOf(await a.ask("$JS.API.CONSUMER.INFO.S.c")), [404, 10014, "consumer not found"]);
  assertEquals(errorOf(await a.ask("$JS.API.STREAM.MSG.GET.S", '{"seq":1}')), [404, 10037, "no message found"]);
  await a.talk("SUB in 5");
  for (const what of ["CONSUMER.MSG.NEXT.S.c", "DIRECT.GET.S", "NO.SUCH.THING"]) {
    a.publish(`$JS.API.${what}`, "1", { reply: "in" });
  }
  await sleep(50);
  assertEquals(await a.talk(), []);
});

wire("a message with an id is stored once", async (a) => {
  await made(a, { name: "S", subjects: ["s"], duplicate_window: ns(200) });
  assertEquals(JSON.parse(await a.ask("s", "x", "Nats-Msg-Id: one")), { stream: "S", seq: 1 });
  assertEquals(JSON.parse(await a.ask("s", "x", "Nats-Msg-Id: one")), { stream: "S", seq: 1, duplicate: true });
  assertEquals(JSON.parse(await a.ask("s", "x", "Nats-Msg-Id: two")), { stream: "S", seq: 2 });
  await sleep(700);
  assertEquals(JSON.parse(await a.ask("s", "x", "Nats-Msg-Id: one")), { stream: "S", seq: 3 });
});

wire("a message may say what must be the last", async (a) => {
  await made(a, { name: "S", subjects: ["s.*"] });
  await a.ask("s.a", "1", "Nats-Msg-Id: first");
  await a.ask("s.b", "2");
  const told = async (header: string) => {
    const { error, seq } = JSON.parse(await a.ask("s.a", "x", `Nats-Expected-${header}`));
    return error === undefined ? seq : [error.code, error.err_code, error.description];
  };
  assertEquals(await told("Last-Sequence: 1"), [400, 10071, "wrong last sequence: 2"]);
  assertEquals(await told("Stream: T"), [400, 10060, "expected stream does not match"]);
  assertEquals(await told("Last-Subject-Sequence: 0"), [400, 10071, "wrong last sequence: 1"]);
  assertEquals(await told("Last-Subject-Sequence: 1"), 3);
  assertEquals(await told("Last-Sequence: 3"), 4);
  assertEquals(await told("Last-Msg-Id: first"), [400, 10070, "wrong last msg ID: "]);
  assertEquals(JSON.parse(await a.ask("s.c", "x", "Nats-Expected-Last-Subject-Sequence: 0")).seq, 5);
});

wire("a full stream drops the old, or refuses the new", async (a) => {
  await made(a, { name: "OLD", subjects: ["old.*"], max_msgs: 3, max_msgs_per_subject: 2 });
  for (const subject of ["old.a", "old.a", "old.a", "old.b", "old.b"]) await a.ask(subject, "x");
  const state = async (name: string) => JSON.parse(await a.ask(`$JS.API.STREAM.INFO.${name}`)).state;
  const { messages, first_seq, last_seq } = await state("OLD");
  assertEquals([messages, first_seq, last_seq], [3, 3, 5]);
  await made(a, { name: "NEW", subjects: ["new"], max_msgs: 1, discard: "new" });
  await a.ask("new", "x");
  const { error } = JSON.parse(await a.ask("new", "x"));
  assertEquals([error.err_code, error.description], [10077, "maximum messages exceeded"]);
  await made(a, { name: "SMALL", subjects: ["small"], max_msg_size: 3 });
  assertEquals(errorOf(await a.ask("small", "1234")), [400, 10054, "message size exceeds maximum allowed"]);
});

wire("what is too old is gone", async (a) => {
  await made(a, { name: "S", subjects: ["s"], max_age: ns(250) });
  await a.ask("s", "x");
  await sleep(900);
  const { messages, first_seq, last_seq } = JSON.parse(await a.ask("$JS.API.STREAM.INFO.S")).state;
  assertEquals([messages, first_seq, last_seq], [0, 2, 1]);
});

wire("purging, deleting, and what is left", async (a) => {
  await made(a, { name: "S", subjects: ["s.*"] });
  for (const subject of ["s.a", "s.b", "s.a", "s.a"]) await a.ask(subject, "x");
  assertEquals(JSON.parse(await a.ask("$JS.API.STREAM.MSG.DELETE.S", '{"seq":2}')).success, true);
  assertEquals(JSON.parse(await a.ask("$JS.API.STREAM.PURGE.S", '{"filter":"s.a","keep":1}')).purged, 2);
  const { messages, first_seq, last_seq } = JSON.parse(await a.ask("$JS.API.STREAM.INFO.S")).state;
  assertEquals([messages, first_seq, last_seq], [1, 4, 4]);
  assertEquals(JSON.parse(await a.ask("$JS.API.STREAM.PURGE.S")).purged, 1);
  assertEquals(JSON.parse(await a.ask("s.a", "x")).seq, 5);
  assertEquals(JSON.parse(await a.ask("$JS.API.STREAM.DELETE.S")).success, true);
  assertEquals(JSON.parse(await a.ask("$JS.API.STREAM.NAMES")).total, 0);
});

wire("a message of a stream can be read by number and by subject", async (a) => {
  await made(a, { name: "S", subjects: ["s.*"], allow_direct: true });
  await a.ask("s.a", "one", "X: y");
  await a.ask("s.b", "two");
  const got = JSON.parse(await a.ask("$JS.API.STREAM.MSG.GET.S", '{"last_by_subj":"s.a"}')).message;
  assertEquals([got.subject, got.seq, atob(got.data), atob(got.hdrs)], ["s.a", 1, "one", "NATS/1.0\r\nX: y\r\n\r\n"]);
  const direct = (await a.ask("$JS.API.DIRECT.GET.S.s.a")).replace(/Time-Stamp: .*/, "Time-Stamp: …").split("\r\n");
  assertEquals(direct.filter((line) => /Subject|Sequence|Stream|^X|one/.test(line)).sort(), [
    "Nats-Sequence: 1",
    "Nats-Stream: S",
    "Nats-Subject: s.a",
    "X: y",
    "one",
  ]);
  assertEquals((await a.ask("$JS.API.DIRECT.GET.S.s.c")).split("\r\n")[0], "NATS/1.0 404 Message Not Found");
  assertEquals((await a.ask("$JS.API.DIRECT.GET.S", '{"seq":2}')).split("\r\n").at(-1), "two");
});

// ── Consumers

wire("a consumer gives messages in order, to whoever asks", async (a) => {
  await stocked(a, 3);
  await consumer(a, { durable_name: "c", ack_policy: "explicit" });
  const given = await pull(a, { batch: 2 });
  const seen = given.map(({ reply, payload }) => [payload, ...reply.split(".").slice(4, 7), reply.split(".")[8]]);
  assertEquals(seen, [["m1", "1", "1", "1", "2"], ["m2", "1", "2", "2", "1"]]);
  const { delivered, ack_floor, num_ack_pending, num_pending } = await infoOf(a, "c");
  assertEquals([delivered.stream_seq, ack_floor.stream_seq, num_ack_pending, num_pending], [2, 0, 2, 1]);
});

wire("what is acknowledged is done, and the floor rises behind it", async (a) => {
  await stocked(a, 3);
  await consumer(a, { durable_name: "c", ack_policy: "explicit" });
  const given = await pull(a, { batch: 3 });
  const [one, two, three] = given.map(({ reply }) => reply);
  assertEquals(await a.ask(three!, "+ACK"), "");
  assertEquals(floor(await infoOf(a, "c")), [0, 0]);
  await a.ask(one!, "");
  assertEquals(floor(await infoOf(a, "c")), [1, 1]);
  await a.ask(two!, "+ACK");
  assertEquals(floor(await infoOf(a, "c")), [3, 3]);
});

wire("what is not done in time is given again, with its count", async (a) => {
  await stocked(a, 2);
  await consumer(a, { durable_name: "c", ack_policy: "explicit", ack_wait: ns(200) });
  await pull(a, { batch: 1 });
  const again = await pull(a, { batch: 2, expires: ns(3_000) });
  assertEquals(again.map(({ payload, count }) => [payload, count]), [["m2", "1"], ["m1", "2"]]);
});

wire("+WPI gives more time", async (a) => {
  await stocked(a, 1);
  await consumer(a, { durable_name: "c", ack_policy: "explicit", ack_wait: ns(500) });
  const [given] = await pull(a, { batch: 1 });
  await sleep(300);
  await a.ask(given!.reply, "+WPI");
  await sleep(350);
  assertEquals((await infoOf(a, "c")).num_redelivered, 0);
  assertEquals((await pull(a, { batch: 1, no_wait: true })).length, 0);
  assertEquals((await pull(a, { batch: 1, expires: ns(2_000) })).map(({ count }) => count), ["2"]);
});

wire("-NAK gives it again at once, or after a while", async (a) => {
  await stocked(a, 2);
  await consumer(a, { durable_name: "c", ack_policy: "explicit" });
  const [given] = await pull(a, { batch: 1 });
  await a.ask(given!.reply, "-NAK");
  const [again] = await pull(a, { batch: 1 });
  assertEquals([again!.payload, again!.count], ["m1", "2"]);
  await a.ask(again!.reply, `-NAK {"delay":${ns(300)}}`);
  const [other, last] = await pull(a, { batch: 2, expires: ns(3_000) });
  assertEquals([other!.payload, last!.payload, last!.count], ["m2", "m1", "3"]);
});

wire("+TERM ends it, and max_deliver, and both are told", async (a) => {
  await stocked(a, 2);
  await consumer(a, { durable_name: "c", ack_policy: "explicit", max_deliver: 2, ack_wait: ns(150) });
  await a.talk("SUB $JS.EVENT.ADVISORY.> adv");
  const given = await pull(a, { batch: 2 });
  await a.ask(given[1]!.reply, "+TERM");
  await pull(a, { batch: 1, expires: ns(2_000) });
  assertEquals((await pull(a, { batch: 1, expires: ns(900) })).length, 0);
  assertEquals((await infoOf(a, "c")).num_ack_pending, 0);
});

wire("no_wait: nothing is said to be nothing; what is there comes", async (a) => {
  await stocked(a, 1);
  await consumer(a, { durable_name: "c", ack_policy: "explicit" });
  await a.talk("SUB in 5");
  a.publish("$JS.API.CONSUMER.MSG.NEXT.S.c", '{"batch":1,"no_wait":true}', { reply: "in" });
  assertEquals((await a.until("m1")).length, 1);
  a.publish("$JS.API.CONSUMER.MSG.NEXT.S.c", '{"batch":1,"no_wait":true}', { reply: "in" });
  assertEquals((await a.lines(2))[1], "NATS/1.0 404 No Messages");
});

wire("no_wait: of more than there is one gets what there is, and hears the rest", async (a) => {
  await stocked(a, 2);
  await consumer(a, { durable_name: "c", ack_policy: "explicit" });
  await a.talk("SUB in 5");
  a.publish("$JS.API.CONSUMER.MSG.NEXT.S.c", '{"batch":5,"no_wait":true}', { reply: "in" });
  const heard = await a.until("NATS/1.0 408 Request Timeout");
  assertEquals(heard.filter((line) => /^m/.test(line)), ["m1", "m2"]);
  assertEquals(await a.lines(1), ["Nats-Pending-Messages: 3"]);
});

wire("no_wait: what is held back is waited for", async (a) => {
  await stocked(a, 3);
  await consumer(a, { durable_name: "c", ack_policy: "explicit", max_ack_pending: 1 });
  await a.talk("SUB in 5");
  a.publish("$JS.API.CONSUMER.MSG.NEXT.S.c", '{"batch":2,"no_wait":true}', { reply: "in" });
  const [line] = await a.until("m1");
  a.publish(line!.split(" ")[3]!, "+ACK");
  assertEquals((await a.until("m2")).filter((line) => line.startsWith("MSG")).length, 1);
});

wire("whoever waits too long is told so, and what it has not got", async (a) => {
  await stocked(a, 1);
  await consumer(a, { durable_name: "c", ack_policy: "explicit" });
  await a.talk("SUB in 5");
  a.publish("$JS.API.CONSUMER.MSG.NEXT.S.c", `{"batch":3,"expires":${ns(200)}}`, { reply: "in" });
  const heard = await a.until("Nats-Pending-Bytes: 0");
  assertEquals(heard.filter((line) => !/MSG/.test(line)), [
    "m1",
    "NATS/1.0 408 Request Timeout",
    "Nats-Pending-Messages: 2",
  ]);
});

wire("whoever waits gets what comes", async (a, b) => {
  await stocked(a, 0);
  await consumer(a, { durable_name: "c", ack_policy: "explicit" });
  await b.talk("SUB in 5");
  b.publish("$JS.API.CONSUMER.MSG.NEXT.S.c", `{"batch":1,"expires":${ns(5_000)}}`, { reply: "in" });
  await b.talk();
  await a.ask("s", "late");
  assertEquals((await b.until("late")).length, 1);
});

wire("whoever waits and is gone gets nothing", async (a, b) => {
  await stocked(a, 0);
  await consumer(a, { durable_name: "c", ack_policy: "explicit" });
  await b.talk("SUB in 5");
  b.publish("$JS.API.CONSUMER.MSG.NEXT.S.c", `{"batch":9,"expires":${ns(9_000)}}`, { reply: "in" });
  await b.talk();
  assertEquals((await infoOf(a, "c")).num_waiting, 1);
  b[Symbol.dispose]();
  await sleep(100);
  await a.ask("s", "x");
  const { num_ack_pending, num_pending } = await infoOf(a, "c");
  assertEquals([num_ack_pending, num_pending], [0, 1]);
});

wire("of those who wait each gets some, in turns", async (a, b) => {
  await stocked(a, 0);
  await consumer(a, { durable_name: "c", ack_policy: "explicit" });
  for (const [client, inbox] of [[a, "ia"], [b, "ib"]] as const) {
    await client.talk(`SUB ${inbox} 5`);
    client.publish("$JS.API.CONSUMER.MSG.NEXT.S.c", `{"batch":10,"expires":${ns(9_000)}}`, { reply: inbox });
    await client.talk();
  }
  for (let n = 0; n < 6; n++) a.publish("s", `m${n}`);
  const mine = (await a.until("m4")).filter((line) => /^m\d/.test(line));
  const theirs = (await b.until("m5")).filter((line) => /^m\d/.test(line));
  assertEquals([mine, theirs], [["m0", "m2"], ["m1", "m3"]]);
});

wire("no more are given than may be out, until some are done", async (a) => {
  await stocked(a, 4);
  await consumer(a, { durable_name: "c", ack_policy: "explicit", max_ack_pending: 2 });
  const given = await pull(a, { batch: 4, expires: ns(300) });
  assertEquals(given.map(({ payload }) => payload), ["m1", "m2"]);
  await a.ask(given[0]!.reply, "+ACK");
  assertEquals((await pull(a, { batch: 4, expires: ns(300) })).map(({ payload }) => payload), ["m3"]);
});

wire("a consumer begins where it is told to, and takes what its filter takes", async (a) => {
  await made(a, { name: "S", subjects: ["s.*"] });
  for (const [i, subject] of ["s.a", "s.b", "s.a", "s.b", "s.a"].entries()) await a.ask(subject, `m${i + 1}`);
  const given = async (config: Record<string, unknown>) => {
    const name = `c${Math.floor(Math.random() * 1e9)}`;
    await consumer(a, { durable_name: name, ack_policy: "explicit", ...config });
    return (await pull(a, { batch: 9, no_wait: true }, name)).map(({ payload }) => payload).join(" ");
  };
  assertEquals(await given({}), "m1 m2 m3 m4 m5");
  assertEquals(await given({ filter_subject: "s.a" }), "m1 m3 m5");
  assertEquals(await given({ deliver_policy: "last" }), "m5");
  assertEquals(await given({ deliver_policy: "last", filter_subject: "s.b" }), "m4");
  assertEquals(await given({ deliver_policy: "new" }), "");
  assertEquals(await given({ deliver_policy: "by_start_sequence", opt_start_seq: 3 }), "m3 m4 m5");
  assertEquals(await given({ deliver_policy: "last_per_subject", filter_subject: "s.*" }), "m4 m5");
});

wire("of a work queue what is done is gone", async (a) => {
  await made(a, { name: "S", subjects: ["s"], retention: "workqueue" });
  for (let n = 1; n <= 3; n++) await a.ask("s", `m${n}`);
  await consumer(a, { durable_name: "c", ack_policy: "explicit" });
  const given = await pull(a, { batch: 2 });
  await a.ask(given[1]!.reply, "+ACK");
  const { messages, first_seq } = JSON.parse(await a.ask("$JS.API.STREAM.INFO.S")).state;
  assertEquals([messages, first_seq], [2, 1]);
  assertEquals(errorOf(await consumer(a, { durable_name: "d", ack_policy: "explicit" })), [
    400,
    10099,
    "multiple non-filtered consumers not allowed on workqueue stream",
  ]);
});

wire("a stream by interest keeps what a consumer waits for, and no more", async (a) => {
  await made(a, { name: "S", subjects: ["s"], retention: "interest" });
  await a.ask("s", "nobody");
  await consumer(a, { durable_name: "c", ack_policy: "explicit" });
  await consumer(a, { durable_name: "d", ack_policy: "explicit" });
  await a.ask("s", "both");
  const messages = async () => JSON.parse(await a.ask("$JS.API.STREAM.INFO.S")).state.messages;
  assertEquals(await messages(), 1);
  await a.ask((await pull(a, { batch: 1 }, "c"))[0]!.reply, "+ACK");
  assertEquals(await messages(), 1);
  await a.ask((await pull(a, { batch: 1 }, "d"))[0]!.reply, "+ACK");
  await sleep(50);
  assertEquals(await messages(), 0);
});

wire("a consumer that pushes sends to its subject, and says that it is there", async (a) => {
  await stocked(a, 2);
  await a.talk("SUB out 5");
  const config = { durable_name: "c", ack_policy: "none", deliver_policy: "all", replay_policy: "instant" };
  const body = { stream_name: "S", config: { ...config, deliver_subject: "out", idle_heartbeat: ns(200) } };
  a.publish("$JS.API.CONSUMER.DURABLE.CREATE.S.c", JSON.stringify(body), { reply: "x" });
  const heard = await a.until("NATS/1.0 100 Idle Heartbeat");
  assertEquals(heard.filter((line) => /^m\d/.test(line)), ["m1", "m2"]);
  assertEquals(await a.lines(2), ["Nats-Last-Consumer: 2", "Nats-Last-Stream: 2"]);
});

wire("a consumer of nobody in particular is gone when nobody uses it", async (a) => {
  await stocked(a, 1);
  const { name } = JSON.parse(await consumer(a, { ack_policy: "explicit", inactive_threshold: ns(300) }));
  assertEquals((await infoOf(a, name)).num_pending, 1);
  await sleep(1_500);
  assertEquals(errorOf(await a.ask(`$JS.API.CONSUMER.INFO.S.${name}`)), [404, 10014, "consumer not found"]);
});

wire("a consumer that is deleted says so to those who wait", async (a) => {
  await stocked(a, 0);
  await consumer(a, { durable_name: "c", ack_policy: "explicit" });
  await a.talk("SUB in 5");
  a.publish("$JS.API.CONSUMER.MSG.NEXT.S.c", `{"batch":1,"expires":${ns(9_000)}}`, { reply: "in" });
  await a.talk();
  a.publish("$JS.API.CONSUMER.DELETE.S.c", "", { reply: "x" });
  const heard = await a.until("NATS/1.0 409 Consumer Deleted");
  assertEquals(heard.length, 1);
});

// ── JetStream and KV, with the clients from npm

npm("publishing, consuming, and a stream that is empty in the end", async (nc) => {
  const manager = await jetstreamManager(nc);
  await manager.streams.add({ name: "JOBS", subjects: ["jobs.*"], retention: "workqueue" });
  await manager.consumers.add("JOBS", { durable_name: "w", ack_policy: AckPolicy.Explicit, ack_wait: ns(1_000) });
  const js = jetstream(nc);
  for (let n = 0; n < 50; n++) await js.publish(`jobs.${n % 3}`, `${n}`, { msgID: `${n}` });
  assertEquals((await js.publish("jobs.0", "0", { msgID: "0" })).duplicate, true);
  const messages = await (await js.consumers.get("JOBS", "w")).consume({ max_messages: 10 });
  const heard: string[] = [];
  for await (const m of messages) {
    heard.push(m.string());
    assert(await m.ackAck());
    if (heard.length === 50) break;
  }
  assertEquals(heard, Array.from({ length: 50 }, (_, n) => `${n}`));
  assertEquals((await manager.streams.info("JOBS")).state.messages, 0);
});

npm("the first who publishes wins", async (nc) => {
  const manager = await jetstreamManager(nc);
  await manager.streams.add({ name: "DONE", subjects: ["done.*"] });
  const js = jetstream(nc);
  const first = { expect: { lastSubjectSequence: 0 } };
  const tries = await Promise.allSettled(["a", "b", "c"].map((who) => js.publish("done.1", who, first)));
  assertEquals(tries.map(({ status }) => status), ["fulfilled", "rejected", "rejected"]);
  assertEquals((tries[1] as PromiseRejectedResult).reason.code, 10071);
});

npm("fetching some, and none", async (nc) => {
  const manager = await jetstreamManager(nc);
  await manager.streams.add({ name: "S", subjects: ["s"] });
  await manager.consumers.add("S", { durable_name: "c", ack_policy: AckPolicy.Explicit });
  const js = jetstream(nc);
  for (let n = 0; n < 3; n++) await js.publish("s", `${n}`);
  const c = await js.consumers.get("S", "c");
  const heard: string[] = [];
  for await (const m of await c.fetch({ max_messages: 5, expires: 1_000 })) heard.push(m.string());
  assertEquals(heard, ["0", "1", "2"]);
  assertEquals(await c.next({ expires: 1_000 }), null);
});

npm("a key and its value, and who may change it", async (nc) => {
  const kv = await new Kvm(nc).create("leases");
  assertEquals(await kv.get("leader"), null);
  assertEquals(await kv.create("leader", "a"), 1);
  await assertRejects(() => kv.create("leader", "b"), Error, "wrong last sequence");
  assertEquals(await kv.update("leader", "a again", 1), 2);
  await assertRejects(() => kv.update("leader", "b", 1), Error, "wrong last sequence: 2");
  const entry = await kv.get("leader");
  assertEquals([entry?.string(), entry?.revision, entry?.operation], ["a again", 2, "PUT"]);
  await assertRejects(() => kv.delete("leader", { previousSeq: 1 }), Error, "wrong last sequence");
  await kv.delete("leader", { previousSeq: 2 });
  assertEquals((await kv.get("leader"))?.operation, "DEL");
  assertEquals(await kv.create("leader", "b"), 4);
});

npm("a key that lives for a while", async (nc) => {
  const kv = await new Kvm(nc).create("short", { ttl: 300 });
  await kv.put("a", "1");
  await sleep(1_000);
  assertEquals(await kv.get("a"), null);
  assertEquals(await kv.create("a", "2"), 2);
});

npm("watching keys", async (nc) => {
  const kv = await new Kvm(nc).create("state", { history: 3 });
  await kv.put("a", "1");
  await kv.put("b", "1");
  await kv.put("a", "2");
  const seen: string[] = [];
  const watch = await kv.watch();
  const watching = (async () => {
    for await (const { key, operation, revision } of watch) {
      seen.push(`${key} ${operation} ${revision}`);
      if (seen.length === 4) break;
    }
  })();
  await kv.put("c", "1");
  await kv.delete("a");
  await watching;
  assertEquals(seen, ["b PUT 2", "a PUT 3", "c PUT 4", "a DEL 5"]);
});

npm("the keys there are, and the past of one", async (nc) => {
  const kv = await new Kvm(nc).create("state", { history: 5 });
  for (const [key, value] of [["a", "1"], ["b", "1"], ["a", "2"], ["c", "1"]] as const) await kv.put(key, value);
  await kv.delete("c");
  const keys: string[] = [];
  for await (const key of await kv.keys()) keys.push(key);
  assertEquals(keys.sort(), ["a", "b"]);
  const past: string[] = [];
  for await (const entry of await kv.history({ key: "a" })) past.push(entry.string());
  assertEquals(past, ["1", "2"]);
});

npm("consumers and streams are listed", async (nc) => {
  const manager = await jetstreamManager(nc);
  for (const name of ["B", "A"]) await manager.streams.add({ name, subjects: [`${name}.>`] });
  await manager.consumers.add("A", {
    durable_name: "c",
    ack_policy: AckPolicy.None,
    deliver_policy: DeliverPolicy.New,
  });
  const names: string[] = [];
  for await (const name of manager.streams.names()) names.push(name);
  assertEquals(names.sort(), ["A", "B"]);
  const consumers: string[] = [];
  for await (const { name } of manager.consumers.list("A")) consumers.push(name);
  assertEquals(consumers, ["c"]);
  assertEquals(await manager.streams.find("B.x.y"), "B");
});

// ── Helpers

/** Makes a stream; gives the answer. */
function made(client: WireClient, config: Record<string, unknown>): Promise<string> {
  const all = { retention: "limits", storage: "file", discard: "old", num_replicas: 1, ...config };
  return client.ask(`$JS.API.STREAM.CREATE.${config.name}`, JSON.stringify(all));
}

/** A stream "S" of the subject "s", with messages m1, m2 and so on. */
async function stocked(client: WireClient, count: number): Promise<void> {
  await made(client, { name: "S", subjects: ["s"] });
  for (let n = 1; n <= count; n++) await client.ask("s", `m${n}`);
}

/** Makes a consumer of "S". */
async function consumer(client: WireClient, config: Record<string, unknown>): Promise<string> {
  const all = { deliver_policy: "all", replay_policy: "instant", ...config };
  const body = JSON.stringify({ stream_name: "S", config: all });
  const { durable_name } = config;
  const subject = durable_name === undefined ? "CREATE.S" : `DURABLE.CREATE.S.${durable_name}`;
  return await client.ask(`$JS.API.CONSUMER.${subject}`, body);
}

async function infoOf(client: WireClient, name: string): Promise<ConsumerInfo> {
  return JSON.parse(await client.ask(`$JS.API.CONSUMER.INFO.S.${name}`));
}

interface Given {
  readonly reply: string;
  readonly payload: string;
  readonly count: string;
}

let pulls = 0;

/** Asks for messages; gives those that come before the server has no more, or time is up. */
async function pull(client: WireClient, asked: Record<string, unknown>, name = "c"): Promise<Given[]> {
  const sid = `pull${++pulls}`;
  client.send(`SUB in.${sid} ${sid}`);
  const wanted = Number(asked.batch);
  client.publish(`$JS.API.CONSUMER.MSG.NEXT.S.${name}`, JSON.stringify({ expires: 0, ...asked }), {
    reply: `in.${sid}`,
  });
  const given: Given[] = [];
  while (given.length < wanted) {
    const [line] = await client.lines(1) as [string];
    if (line.startsWith("HMSG")) {
      if (line.split(" ")[2] !== sid) continue;
      const [status] = await client.lines(1) as [string];
      // What is left of what is out: a 404, or that time is up.
      if (/^NATS\/1.0 (404|408)/.test(status)) break;
    }
    const [, , to, reply = ""] = line.split(" ");
    if (!line.startsWith("MSG") || to !== sid) continue;
    const [payload] = await client.lines(1) as [string];
    given.push({ reply, payload, count: reply.split(".")[4]! });
  }
  await client.talk(`UNSUB ${sid}`);
  return given;
}

function floor({ ack_floor }: ConsumerInfo): number[] {
  return [ack_floor.consumer_seq, ack_floor.stream_seq];
}

/** What went wrong, as an answer of the API says it; `null` if nothing did. */
function errorOf(answer: string): [code: number, error: number, description: string] | null {
  const { error } = JSON.parse(answer);
  return error === undefined ? null : [error.code, error.err_code, error.description];
}
