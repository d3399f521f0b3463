import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import {
  BrokenResourceError,
  BufferedStream,
  CancelScope,
  ClosedResourceError,
  currentTime,
  failAfter,
  type HalfCloseableStream,
  map,
  moveOnAfter,
  type Nursery,
  openMemoryChannel,
  openNursery,
  openTcpListeners,
  retry,
  shielded,
  simulated,
  sleep,
  TooSlowError,
} from "@trefoil/io";
import { memoryStreamPair, sweepCancel } from "@trefoil/io/testing";
import { hasProgram } from "./_has_program.ts";
import { openRedis, type Redis, redisDemo, RedisError, type RedisOptions } from "./redis_client.ts";

const encoder = new TextEncoder();
const bulk = (text: string) => `$${encoder.encode(text).length}\r\n${text}\r\n`;

/** A server of a few commands. What is special about it: `latency`, `down`, `hangUp()`, and the replies of `RAW`. */
class FakeRedis {
  /** Every command after the greeting, in the order of arrival. */
  readonly log: string[] = [];
  /** When somebody tried to connect. */
  readonly attempts: number[] = [];
  /** How long each reply takes, in milliseconds; they travel side by side. */
  latency = 0;
  down = false;
  greeting = "+PONG\r\n";
  readonly #values = new Map<string, string>();
  readonly #open = new Set<HalfCloseableStream>();
  /** Who waits in a `BLPOP` for a value. */
  readonly #popping: { key: string; say: (text: string) => void }[] = [];
  readonly #listeners = new Set<{ channel: string; say: (text: string) => void }>();

  constructor(readonly nursery: Nursery) {}

  /** Connections in which every receive gives a few bytes only. */
  readonly connect = async (): Promise<HalfCloseableStream> => {
    this.attempts.push(currentTime());
    if (this.down) throw new BrokenResourceError("Cannot connect as the server is down");
    const [client, server] = memoryStreamPair({ chunk: 7 });
    this.nursery.startSoon(() => this.serve(server), { daemon: true });
    return await Promise.resolve(client);
  };

  get connections(): number {
    return this.#open.size;
  }

  hangUp(): void {
    for (const stream of this.#open) stream.close();
  }

  async serve(stream: HalfCloseableStream): Promise<void> {
    this.#open.add(stream);
    const [outbox, replies] = openMemoryChannel<{ at: number; text: string }>(Infinity);
    try {
      await openNursery(async (nursery) => {
        nursery.startSoon(async () => {
          for await (const { at, text } of replies) {
            await sleep(Math.max(0, at - currentTime()));
            await stream.sendAll(encoder.encode(text));
          }
        }, { daemon: true });
        await this.#obey(
          new BufferedStream(stream),
          (text) => outbox.trySend({ at: currentTime() + this.latency, text }),
        );
      });
    } catch {
      // Somebody hung up.
    } finally {
      this.#open.delete(stream);
      stream.close();
    }
  }

  async #obey(stream: BufferedStream<HalfCloseableStream>, say: (text: string) => void): Promise<void> {
    const listeners = [];
    try {
      for await (const line of stream.lines()) {
        const command: string[] = [];
        for (let left = Number(line.slice(1)); left > 0; left--) {
          const size = Number((await stream.receiveLine())!.slice(1));
          command.push(new TextDecoder().decode(await stream.receiveExactly(size)));
          await stream.receiveExactly(2);
        }
        const [name, key = "", value = ""] = command;
        if (name === "PING") {
          say(this.greeting);
          continue;
        }
        if (name === "AUTH") {
          say(key === "secret" ? "+OK\r\n" : "-WRONGPASS invalid password\r\n");
          continue;
        }
        this.log.push(command.join(" "));
        if (name === "SUBSCRIBE") {
          for (const channel of command.slice(1)) {
            const listener = {
              channel,
              say: (text: string) => say(`*3\r\n${bulk("message")}${bulk(channel)}${bulk(text)}`),
            };
            listeners.push(listener);
            this.#listeners.add(listener);
            say(`*3\r\n${bulk("subscribe")}${bulk(channel)}:${listeners.length}\r\n`);
          }
        } else if (name === "BLPOP") this.#popping.push({ key, say });
        else say(this.#answer(name!, key, value));
      }
    } finally {
      for (const listener of listeners) this.#listeners.delete(listener);
    }
  }

  publish(channel: string, text: string): number {
    const listeners = [...this.#listeners].filter((listener) => listener.channel === channel);
    for (const listener of listeners) listener.say(text);
    return listeners.length;
  }

  #answer(name: string, key: string, value: string): string {
    const held = this.#values.get(key);
    switch (name) {
      case "SET":
        this.#values.set(key, value);
        return "+OK\r\n";
      case "GET":
        return held === undefined ? "$-1\r\n" : bulk(held);
      case "INCR":
        if (Number.isNaN(Number(held ?? 0))) return "-ERR value is not an integer or out of range\r\n";
        this.#values.set(key, String(Number(held ?? 0) + 1));
        return `:${this.#values.get(key)}\r\n`;
      case "STRLEN":
        return `:${held?.length ?? 0}\r\n`;
      case "DEL":
        return `:${[key, value].filter((key) => this.#values.delete(key)).length}\r\n`;
      case "LPUSH": {
        const found = this.#popping.find((popping) => popping.key === key);
        found?.say(`*2\r\n${bulk(key)}${bulk(value)}`);
        return ":1\r\n";
      }
      case "ECHO":
        return bulk(key);
      case "PUBLISH":
        return `:${this.publish(key, value)}\r\n`;
      case "RAW":
        return key;
      default:
        return `-ERR unknown command '${name}'\r\n`;
    }
  }
}

/** A test with a fake server and a client of it, in simulated time. */
function redisTest(
  name: string,
  body: (redis: Redis, fake: FakeRedis, lost: string[]) => Promise<void>,
  options: RedisOptions = {},
): void {
  Deno.test(
    name,
    simulated(() =>
      openNursery(async (nursery) => {
        const fake = new FakeRedis(nursery);
        const lost: string[] = [];
        const onLost = (error: Error) => void lost.push(error.message);
        await body(await openRedis(nursery, { connect: fake.connect, onLost, ...options }), fake, lost);
        nursery.cancel();
      })
    ),
  );
}

const DEMO = [
  "SET: OK",
  "GET: hello",
  "100 different numbers from 100 tasks",
  "length 5, ERR, 2 deleted",
  "news: first",
  "news: second",
  "news: last",
];

Deno.test(
  "redis_client.ts: the program runs to its end against a small server",
  simulated(() =>
    openNursery(async (nursery) => {
      const lines: string[] = [];
      await redisDemo({ connect: new FakeRedis(nursery).connect }, (line) => lines.push(line));
      assertEquals(lines, DEMO);
    })
  ),
);

redisTest("commands of many tasks travel together, and each gets its own reply", async (redis, fake) => {
  fake.latency = 100;
  const began = currentTime();
  const texts = Array.from({ length: 500 }, (_, n) => `${"snow ☃ ".repeat(n % 7)}${n}`);
  assertEquals(await map(texts, (text) => redis.command("ECHO", text)), texts);
  // 500 round trips, one after the other, would take 50 seconds.
  assertEquals([currentTime() - began, fake.attempts.length], [100, 1]);
});

redisTest("a pipeline gives every reply in order, errors among them, and nobody's commands come between", async (
  redis,
  fake,
) => {
  const pipeline = (key: string) => redis.pipeline([["SET", key, "x"], ["INCR", key], ["GET", key], ["GET", "none"]]);
  for (const replies of await map(["a", "b", "c"], pipeline)) {
    const [set, error, get, none] = replies;
    assertEquals([set, get, none], ["OK", "x", null]);
    assertInstanceOf(error, RedisError);
    assertEquals([error.code, error.message], ["ERR", "ERR value is not an integer or out of range"]);
  }
  assertEquals(fake.log.map((line) => line.split(" ")[1]), [..."aaa", "none", ..."bbb", "none", ..."ccc", "none"]);
  assertEquals(await redis.pipeline([]), []);
  await assertRejects(() => redis.command("INCR", "a"), RedisError, "ERR value is not an integer");
});

redisTest("replies of every kind are understood", async (redis) => {
  const raw = (text: string) => redis.command("RAW", text);
  assertEquals(await raw(":-12\r\n"), -12);
  assertEquals(await raw(":9223372036854775807\r\n"), 9_223_372_036_854_775_807n);
  assertEquals(await raw("$0\r\n\r\n"), "");
  assertEquals(await raw("*-1\r\n"), null);
  assertEquals(await raw("*3\r\n:1\r\n*2\r\n$2\r\nab\r\n$-1\r\n*0\r\n"), [1, ["ab", null], []]);
  const [error] = await raw("*1\r\n-ERR inside\r\n") as [RedisError];
  assertInstanceOf(error, RedisError);
  assertEquals(await redis.command("ECHO", new Uint8Array([104, 105])), "hi");
  assertEquals(await redis.command("ECHO", 1.5), "1.5");
});

redisTest("bytes are sent as they were when the command was given", async (redis) => {
  const bytes = new Uint8Array([104, 105]);
  const echoed = redis.command("ECHO", bytes);
  // Its memory is somebody else's from now on.
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
  assertEquals([await echoed, bytes.length], ["hi", 0]);
});

redisTest("replies are never mixed up, whoever is cancelled whenever", async (redis, fake) => {
  fake.latency = 5;
  let cancelled = 0;
  let answered = 0;
  let seed = 1;
  const random = () => (seed = seed * 48_271 % 2_147_483_647) / 2_147_483_647;
  await map(Array.from({ length: 2_000 }, (_, n) => `text ${n}`), async (text) => {
    await sleep(random() * 50);
    const outcome = await moveOnAfter(random() * 10, () => redis.command("ECHO", text));
    if (outcome.cancelledCaught) return void cancelled++;
    assertEquals(outcome.value, text);
    answered++;
  });
  assert(cancelled > 500 && answered > 500, `${cancelled} were cancelled and ${answered} answered`);
  assertEquals([await redis.command("ECHO", "after it"), fake.attempts.length], ["after it", 1]);
});

Deno.test("redis_client.ts: a cancellation at any wait of a caller leaves the connection in order", async () => {
  const report = await sweepCancel(() =>
    openNursery(async (nursery) => {
      const fake = new FakeRedis(nursery);
      fake.latency = 3;
      const redis = await openRedis(nursery, { connect: fake.connect });
      const caller = nursery.startSoon(async () => {
        for (let n = 0; n < 3; n++) assertEquals(await redis.pipeline([["ECHO", n], ["ECHO", "x"]]), [`${n}`, "x"]);
      }, { name: "caller" });
      const other = nursery.startSoon(() =>
        map([..."abcdef"], (text) => redis.command("ECHO", text), { concurrency: 2 })
      );
      assertEquals(await other.join(), [..."abcdef"]);
      await caller.join().catch(() => {});
      assertEquals([await redis.command("ECHO", "end"), fake.attempts.length], ["end", 1]);
    }), { task: "caller" });
  assert(report.points >= 3, `there were ${report.points} points`);
});

Deno.test("redis_client.ts: the program ends cleanly when it is cancelled at any wait", async () => {
  await sweepCancel(() =>
    openNursery(async (nursery) => {
      await redisDemo({ connect: new FakeRedis(nursery).connect }, () => {});
    }), { maxRuns: 100 });
});

redisTest("a command that is cancelled before it is sent is never sent", async (redis, fake) => {
  fake.down = true;
  fake.hangUp();
  await sleep(1);
  const outcome = await moveOnAfter(500, () => redis.command("SET", "a", "lost"));
  assert(outcome.cancelledCaught);
  const waiting = new CancelScope();
  await openNursery(async (nursery) => {
    nursery.startSoon(() => waiting.run(() => redis.command("SET", "b", "lost")));
    const kept = nursery.startSoon(() => redis.command("SET", "c", "kept"));
    await sleep(500);
    waiting.cancel();
    fake.down = false;
    assertEquals(await kept.join(), "OK");
  });
  assertEquals(fake.log, ["SET c kept"]);
});

redisTest(
  "a command that was sent when the connection was lost fails; those after it go to the next connection",
  async (
    redis,
    fake,
    lost,
  ) => {
    fake.latency = 1_000;
    await openNursery(async (nursery) => {
      const sent = nursery.startSoon(() =>
        assertRejects(
          () => redis.command("INCR", "n"),
          BrokenResourceError,
          "Cannot tell whether Redis has carried out the command as the connection ended before its reply",
        )
      );
      await sleep(10);
      fake.hangUp();
      await sent.join();
      assertEquals(await redis.command("INCR", "n"), 2);
    });
    assertEquals(lost, ["Cannot receive a message as the stream ended after 0 bytes"]);
    assertEquals(fake.attempts.length, 2);
  },
);

redisTest("reconnecting is tried again and again, with growing waits", async (redis, fake) => {
  fake.down = true;
  fake.hangUp();
  await sleep(1);
  const scope = await moveOnAfter(60_000, () => redis.command("GET", "a"));
  assert(scope.cancelledCaught);
  const again = fake.attempts.slice(1);
  const waits = again.slice(1).map((at, n) => at - again[n]!);
  // Each between a half and the whole, as they are jittered, so that many clients do not come back at one moment.
  waits.forEach((wait, n) => {
    const whole = Math.min(5_000, 50 * 2 ** n);
    assert(wait >= whole / 2 && wait <= whole, `wait ${n} took ${wait} ms`);
  });
  assert(waits.length >= 15 && waits.length <= 40, `there were ${waits.length} attempts in a minute`);
  fake.down = false;
  assertEquals(await redis.command("GET", "a"), null);
});

redisTest("a server that answers and hangs up at once is not called without a pause", async (redis, fake) => {
  const serve = fake.serve.bind(fake);
  fake.serve = async (stream) => {
    await moveOnAfter(1, () => serve(stream));
  };
  fake.hangUp();
  await moveOnAfter(10_000, () => redis.command("GET", "a").catch(() => {}));
  await sleep(10_000);
  assert(fake.attempts.length <= 400, `it was called ${fake.attempts.length} times in 20 seconds`);
});

Deno.test(
  "redis_client.ts: a wrong password is an error at once, a server that is loading is asked again",
  simulated(async () => {
    await openNursery(async (nursery) => {
      const fake = new FakeRedis(nursery);
      const { connect } = fake;
      await assertRejects(() => openRedis(nursery, { connect, password: "wrong" }), RedisError, "WRONGPASS");
      assertEquals(fake.attempts.length, 1);
      fake.greeting = "-LOADING Redis is loading the dataset in memory\r\n";
      const opening = nursery.startSoon(() => openRedis(nursery, { connect, password: "secret" }));
      await sleep(1_000);
      assert(fake.attempts.length > 3);
      fake.greeting = "+PONG\r\n";
      assertEquals(await (await opening.join()).command("ECHO", "up"), "up");
      fake.greeting = "";
      await assertRejects(() => failAfter(12_000, () => openRedis(nursery, { connect })), TooSlowError);
      nursery.cancel();
    });
  }),
);

const LIMIT = 64 * 1024 * 1024;
for (
  const [what, bytes, message] of [
    ["HTTP", "HTTP/1.1 400\r\n", 'Cannot read a reply as it must begin with one of +-:$*: "HTTP/1.1 400"'],
    ["no number", ":12x\r\n", 'Cannot read a reply as it must hold a whole number: "12x"'],
    ["no length", "$\r\n\r\n", 'Cannot read a reply as it must hold a whole number: ""'],
    ["a negative length", "$-2\r\n", `Cannot read a reply as it must be at most ${LIMIT} bytes large: $-2`],
    ["a huge text", "$99999999999\r\n", `Cannot read a reply as it must be at most ${LIMIT} bytes large: $99999999999`],
    ["a huge array", "*9999999\r\n:1\r\n", `Cannot read a reply as it must be at most ${LIMIT} bytes large: *9999999`],
    [
      "many arrays that are large together",
      "*3000000\r\n*3000000\r\n",
      `Cannot read a reply as it must be at most ${LIMIT} bytes large: *3000000`,
    ],
    ["a deep nest", "*1\r\n".repeat(100), "Cannot read a reply nested more than 16 deep"],
    ["a text that goes on", "$2\r\nabcd\r\n", "Cannot read a reply as its text must end where its length says"],
    [
      "a line that does not end",
      "+".repeat(70_000),
      "Cannot read a reply as its lines must be at most 65536 bytes long",
    ],
  ] as const
) {
  redisTest(`a peer that answers with ${what} is hung up on, and called again`, async (redis, fake, lost) => {
    const error = await assertRejects(() => redis.command("RAW", bytes), BrokenResourceError);
    assertEquals((error.cause as Error).message, message);
    assertEquals(lost, [message]);
    assertEquals(await redis.command("ECHO", "again"), "again");
    assertEquals(fake.attempts.length, 2);
  });
}

redisTest("a reply that nobody asked for ends the connection, and reaches nobody", async (redis, fake, lost) => {
  assertEquals(await redis.command("RAW", "+mine\r\n+whose?\r\n"), "mine");
  await sleep(1);
  assertEquals(lost, ["Cannot take a reply as there must be a command before it"]);
  assertEquals([await redis.command("ECHO", "mine"), fake.attempts.length], ["mine", 2]);
});

redisTest("half a number at the end of the stream is no reply", async (redis, fake) => {
  await openNursery(async (nursery) => {
    nursery.startSoon(() => assertRejects(() => redis.command("RAW", ":12"), BrokenResourceError));
    await sleep(10);
    fake.hangUp();
  });
});

redisTest("messages come to the one who listens, before and after the connection was lost", async (redis, fake) => {
  const heard = await redis.subscribe(["a", "b"], async (messages) => {
    assertEquals([fake.publish("a", "1"), fake.publish("b", "2"), fake.publish("c", "?")], [1, 1, 0]);
    const heard = [await messages.receive(), await messages.receive()];
    // Cancelled again and again while it waits, also in the very moment in which a message has come: it is not lost.
    fake.latency = 10;
    fake.publish("a", "x".repeat(200));
    for (let n = 0; n < 20; n++) await moveOnAfter(1, async () => void heard.push(await messages.receive()));
    fake.hangUp();
    await sleep(1_000);
    fake.publish("b", "3");
    heard.push(await messages.receive());
    messages.close();
    return heard;
  });
  assertEquals(heard.map(({ channel, text }) => `${channel} ${text}`), ["a 1", "b 2", `a ${"x".repeat(200)}`, "b 3"]);
  assertEquals(fake.publish("a", "nobody listens any more"), 0);
});

redisTest("a listener may close its messages early; its connection stays until it is done", async (redis, fake) => {
  await redis.subscribe(["a"], async (messages) => {
    messages.close();
    for (let n = 0; n < 200; n++) fake.publish("a", "to nobody");
    await sleep(10_000);
  });
  assertEquals(fake.attempts.length, 2);
});

redisTest("commands that would mix up replies are refused, as is what is no command", async (redis, fake) => {
  await assertRejects(
    () => redis.command("subscribe", "a"),
    TypeError,
    "Cannot send subscribe as the connection is shared: use subscribe() or the options instead",
  );
  await assertRejects(() => redis.command("CLIENT", "REPLY", "OFF"), TypeError, "Cannot send CLIENT as");
  await assertRejects(() => redis.command(), TypeError, "Cannot send a command as it must begin with its name");
  await assertRejects(
    () => redis.command("SET", "a", undefined as unknown as string),
    TypeError,
    "Cannot send a command as its arguments must be strings, numbers or bytes: received undefined",
  );
  await assertRejects(() => redis.subscribe([], () => {}), TypeError, "Cannot subscribe as there must be at least one");
  assertEquals(fake.log, []);
});

redisTest(
  "commands that wait in the server are refused on the shared connection, in any spelling",
  async (redis, fake) => {
    const commands = [["BLPOP", "q", 0], ["brpop", "q", 0], ["BLMOVE", "a", "b", "LEFT", "LEFT", 0], ["WAIT", 1, 0], [
      "XREAD",
      "COUNT",
      1,
      "block",
      0,
      "STREAMS",
      "s",
      "$",
    ]] as const;
    for (const command of commands) {
      await assertRejects(
        () => redis.command(...command),
        TypeError,
        `Cannot send ${command[0]} as the connection is shared, and all others would wait with it: use blocking()`,
      );
      await assertRejects(() => redis.pipeline([["GET", "a"], command]), TypeError, "use blocking()");
    }
    await assertRejects(() => redis.blocking("GET", "a"), TypeError, "Cannot send GET alone as it does not block");
    await assertRejects(() => redis.blocking(), TypeError, "Cannot send a command as it must begin with its name");
    assertEquals(fake.log, []);
    // A stream that is called so does not block.
    await assertRejects(() => redis.command("XREAD", "STREAMS", "block", "$"), RedisError, "ERR unknown command");
  },
);

redisTest(
  "commands that wait in the server hold nobody else up, and let go of their connection",
  async (redis, fake) => {
    fake.latency = 10;
    await openNursery(async (nursery) => {
      const popping = nursery.startSoon(() => redis.blocking("BLPOP", "queue", 0));
      const givenUp = nursery.startSoon(() => moveOnAfter(100, () => redis.blocking("BLPOP", "empty", 0)));
      await sleep(50);
      const began = currentTime();
      assertEquals(await redis.command("SET", "a", "b"), "OK");
      assertEquals([currentTime() - began, fake.connections], [10, 3]);
      assert((await givenUp.join()).cancelledCaught);
      await redis.command("LPUSH", "queue", "job");
      assertEquals(await popping.join(), ["queue", "job"]);
      await sleep(10);
      assertEquals(fake.connections, 1);
    });
  },
);

redisTest("a transaction comes in one pipeline, or is refused, as others would get into it", async (redis, fake) => {
  for (const pipeline of [["MULTI"], ["EXEC"], ["DISCARD"], ["WATCH"], ["MULTI", "GET"], ["MULTI", "EXEC", "EXEC"]]) {
    await assertRejects(
      () => redis.pipeline(pipeline.map((name) => [name])),
      TypeError,
      "as the connection is shared: put MULTI, its commands and EXEC into one pipeline()",
    );
  }
  assertEquals(fake.log, []);
  await redis.pipeline([["multi"], ["SET", "a", "b"], ["exec"]]);
  assertEquals(fake.log, ["multi", "SET a b", "exec"]);
});

Deno.test(
  "redis_client.ts: cleanup of other tasks in the nursery can use it, also when that is cancelled, and then it ends",
  simulated(() =>
    openNursery(async (outer) => {
      const fake = new FakeRedis(outer);
      fake.latency = 10;
      const outcome = await moveOnAfter(100, () =>
        openNursery(async (nursery) => {
          const redis = await openRedis(nursery, { connect: fake.connect });
          nursery.startSoon(async () => {
            try {
              await redis.command("SET", "lease", "mine");
              await sleep(60_000);
            } finally {
              await shielded(() => redis.command("DEL", "lease"), { timeout: 1_000 });
            }
          });
        }));
      assert(outcome.cancelledCaught);
      assertEquals([fake.log, currentTime()], [["SET lease mine", "DEL lease"], 110]);
      await sleep(1);
      assertEquals(fake.connections, 0);
      outer.cancel();
    })
  ),
);

Deno.test(
  "redis_client.ts: when its nursery ends, those who still wait are told",
  simulated(() =>
    openNursery(async (outer) => {
      const fake = new FakeRedis(outer);
      fake.latency = 1_000;
      let redis: Redis;
      await openNursery(async (nursery) => {
        redis = await openRedis(nursery, { connect: fake.connect });
        outer.startSoon(() =>
          assertRejects(() => redis.command("GET", "a"), BrokenResourceError, "Cannot tell whether")
        );
        await sleep(10);
      });
      await assertRejects(
        () => redis.command("GET", "b"),
        ClosedResourceError,
        "Cannot send a command as the nursery of the client has ended",
      );
      outer.cancel();
    })
  ),
);

/** A Redis server of the system, on a port of its own; it keeps nothing. */
function startServer(port: number): Deno.ChildProcess {
  const args = ["--port", `${port}`, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
  return new Deno.Command("redis-server", { args, stdout: "null", stderr: "null" }).spawn();
}

async function freePort(): Promise<number> {
  const [listener] = await openTcpListeners(0, { hostname: "127.0.0.1" });
  using _ = listener;
  return listener.address.port;
}

Deno.test({
  name: "redis_client.ts: with redis-server: the program, large values, cancellations, a server killed and restarted",
  ignore: !(await hasProgram("redis-server", "redis-server")),
  fn: async () => {
    const port = await freePort();
    let server = startServer(port);
    try {
      const lines: string[] = [];
      await redisDemo({ port }, (line) => lines.push(line));
      assertEquals(lines, DEMO);
      await openNursery(async (nursery) => {
        const redis = await failAfter(10_000, () => openRedis(nursery, { port, database: 3 }));
        const large = "snow ☃ ".repeat(1_000_000);
        await redis.command("SET", "large", large);
        assertEquals(await redis.command("GET", "large"), large);

        // Each command is cancelled a few turns after it was given, in all states.
        await map(Array.from({ length: 2_000 }, (_, n) => n), async (n) => {
          const scope = new CancelScope();
          const outcome = await openNursery(async (pair) => {
            const asking = pair.startSoon(() => scope.run(() => redis.command("ECHO", n)));
            for (let turn = n % 5; turn > 0; turn--) await sleep(0);
            if (n % 7 !== 0) scope.cancel();
            return await asking.join();
          });
          if (!outcome.cancelledCaught) assertEquals(outcome.value, `${n}`);
        }, { concurrency: 100 });
        assertEquals(await redis.command("ECHO", "after it"), "after it");
        await assertRejects(() => redis.command("LPUSH", "large", "x"), RedisError, "WRONGTYPE");

        // A blocking command has a connection of its own.
        await openNursery(async (nursery) => {
          const popping = nursery.startSoon(() => redis.blocking("BLPOP", "queue", 0));
          await redis.command("LPUSH", "queue", "job");
          assertEquals(await popping.join(), ["queue", "job"]);
        });

        await redis.subscribe(["news"], async (messages) => {
          server.kill("SIGKILL");
          await server.status;
          server = startServer(port);
          await failAfter(20_000, async () => {
            // It may go to the old connection, before its end has been noticed; reading twice does no harm.
            const retryIf = (error: unknown) => error instanceof BrokenResourceError;
            assertEquals(await retry(() => redis.command("GET", "large"), { retryIf }), null);
            while (await redis.command("PUBLISH", "news", "back") === 0) await sleep(10);
            assertEquals((await messages.receive()).text, "back");
          });
        });
      });
    } finally {
      server.kill("SIGKILL");
      await server.status;
    }
  },
});
