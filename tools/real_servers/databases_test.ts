/**
 * What docs/guides/databases.md claims, by the very code that it shows, with servers of these databases. Each test starts
 * one of its own; where it, or npm, is not there, the test is left out, in one line.
 *
 * Nothing waits for time to pass: each step begins when the server itself says that the one before has been done.
 */

import { assertEquals, assertRejects } from "@std/assert";
import { cancellable, CancelScope, Event, failAfter, isOnlyCancelled, map, openNursery, sleep } from "../../mod.ts";
import { areClientsThere } from "../npm_clients/there.ts";
import { blocksOf } from "../page_blocks.ts";
import { type Config, hasPostgres, withPostgres } from "./_postgres.ts";
import { hasRedis, withRedis } from "./_redis.ts";

const PACKAGES = ["pg@8.13.1", "postgres@3.4.5", "ioredis@5.4.1"];
/** No step takes longer, in milliseconds: what hangs fails. */
const LONGEST = 20_000;

const hasNpm = await areClientsThere(PACKAGES.map((each) => `npm:${each}`));
// deno-lint-ignore no-console -- a skipped test must not be silent
if (!hasNpm) console.error("SKIPPED: the tests with clients of databases as npm cannot be reached");
const blocks = await blocksOf("docs/guides/databases.md", PACKAGES);
const { query } = hasNpm ? await blocks["pg.ts"]!() : {};
const { openDatabase } = hasNpm ? await blocks["database.ts"]!() : {};
const { orders } = hasNpm ? await blocks["orders.ts"]!() : {};
const { transaction } = hasNpm ? await blocks["transaction.ts"]!() : {};
const { run } = hasNpm ? await blocks["postgres.ts"]!() : {};
const { pop } = hasNpm ? await blocks["redis.ts"]!() : {};
// Not written out, so that the types of this file can be checked without npm.
const load = async (name: string) => hasNpm ? (await import(`npm:${name}`)).default : undefined;
const [postgres, Redis] = [await load(PACKAGES[1]!), await load(PACKAGES[2]!)];

const postgresTest = (name: string, fn: (config: Config) => Promise<void>) =>
  Deno.test({
    name,
    ignore: !hasNpm || !hasPostgres,
    fn: () => failAfter(3 * LONGEST, () => withPostgres(fn)),
  });

// deno-lint-ignore no-explicit-any -- a client of pg
type Client = any;

/** Waits until the server runs so many queries that look like this one. */
async function running(watcher: Client, text: string, count: number): Promise<void> {
  const active = "SELECT count(*)::int AS n FROM pg_stat_activity WHERE state = 'active' AND query LIKE $1";
  await failAfter(LONGEST, async () => {
    while ((await query(watcher, active, [`${text}%`])).rows[0].n !== count) await sleep(5);
  });
}

postgresTest(
  "pg: a query that is cancelled ends on the server, and its connection is not used again",
  async (config) => {
    await using database = openDatabase({ ...config, application_name: "test" });
    await using watching = openDatabase(config);
    await watching.use(async (watcher: Client) => {
      await query(watcher, "CREATE TABLE orders (id int)");
      assertEquals((await orders(database)).rows, []);
      const pid = await database.use((client: Client) => client.processID);
      const scope = new CancelScope();
      await openNursery(async (nursery) => {
        const asked = nursery.startSoon(() =>
          scope.run(() => database.use((client: Client) => query(client, "SELECT pg_sleep(600)")))
        );
        await running(watcher, "SELECT pg_sleep", 1);
        scope.cancel();
        assertEquals((await asked.join()).cancelledCaught, true);
      });
      await running(watcher, "SELECT pg_sleep", 0);
      const after = await database.use((client: Client) => client.processID);
      assertEquals(after === pid, false);
    });
  },
);

postgresTest("pg: ten are open at most; who gives up in line gives its place to the next", async (config) => {
  await using database = openDatabase(config);
  const inLine = async (count: number) => {
    while (database.statistics().tasksWaiting !== count) await sleep(1);
  };
  const release = new Event();
  await openNursery(async (nursery) => {
    for (let n = 0; n < 10; n++) nursery.startSoon(() => database.use(() => release.wait()));
    const scope = new CancelScope();
    const first = nursery.startSoon(() => scope.run(() => database.use(() => "first")));
    const second = nursery.startSoon(() => database.use((client: Client) => query(client, "SELECT 1 AS one")));
    await failAfter(LONGEST, () => inLine(2));
    scope.cancel();
    assertEquals((await first.join()).cancelledCaught, true);
    assertEquals(database.statistics().tasksWaiting, 1);
    release.set();
    assertEquals((await second.join()).rows, [{ one: 1 }]);
  });
  assertEquals(database.statistics().opened, 10);
});

postgresTest("pg: a transaction is done or not, whenever it is cancelled", async (config) => {
  await using database = openDatabase(config);
  await database.use((client: Client) => query(client, "CREATE TABLE moves (n int, side text)"));
  const counts = () =>
    database.use(async (client: Client) =>
      (await query(client, "SELECT n, count(*)::int AS sides FROM moves GROUP BY n ORDER BY n")).rows
    );
  const move = (n: number) =>
    transaction(database, async (client: Client) => {
      await query(client, "INSERT INTO moves VALUES ($1, 'from')", [n]);
      await query(client, "INSERT INTO moves VALUES ($1, 'to')", [n]);
      return n;
    });
  assertEquals(await move(0), 0);
  await assertRejects(() =>
    transaction(database, async (client: Client) => {
      await query(client, "INSERT INTO moves VALUES (1000, 'from')");
      throw new RangeError("no");
    }), RangeError);

  // Each is cancelled a few turns later than the one before: in every state.
  const ended = await map(Array.from({ length: 60 }, (_, i) => i + 1), async (n) => {
    const scope = new CancelScope();
    return await openNursery(async (nursery) => {
      const moving = nursery.startSoon(() => scope.run(() => move(n)));
      for (let turn = 0; turn < n * 2; turn++) await sleep(0);
      scope.cancel();
      return (await moving.join()).value;
    });
  }, { concurrency: 3 });
  const rows = await counts() as { n: number; sides: number }[];
  assertEquals(rows.filter(({ sides }) => sides !== 2), []);
  // Whatever was said to be done is done. The commit of one that was cancelled meanwhile may be, too.
  for (const n of ended) if (n !== undefined) assertEquals(rows.some((row) => row.n === n), true);
  assertEquals(rows.some(({ n }) => n === 1_000), false);
});

postgresTest("postgres: a query that is cancelled ends on the server, and its connection goes on", async (config) => {
  const sql = postgres({ ...config, max: 1, connection: { application_name: "test" } });
  await using watching = openDatabase(config);
  try {
    await watching.use(async (watcher: Client) => {
      const scope = new CancelScope();
      await openNursery(async (nursery) => {
        const asked = nursery.startSoon(() => scope.run(() => run(sql`SELECT pg_sleep(600)`)));
        await running(watcher, "SELECT pg_sleep", 1);
        scope.cancel();
        assertEquals((await asked.join()).cancelledCaught, true);
      });
      await running(watcher, "SELECT pg_sleep", 0);
      const [{ one }] = await run(sql`SELECT 1 AS one`) as [{ one: number }];
      assertEquals(one, 1);
    });
  } finally {
    await sql.end();
  }
});

postgresTest("postgres: begin() rolls back when its function is cancelled", async (config) => {
  const sql = postgres({ ...config, max: 2, onnotice: () => {} });
  try {
    await run(sql`CREATE TABLE moves (n int)`);
    const scope = new CancelScope();
    const outcome = await scope.run(() =>
      sql.begin(async (inside: typeof sql) => {
        await run(inside`INSERT INTO moves VALUES (1)`);
        scope.cancel();
        await run(inside`INSERT INTO moves VALUES (2)`);
      })
    );
    assertEquals(outcome.cancelledCaught, true);
    assertEquals([...await run(sql`SELECT * FROM moves`) as unknown[]], []);
    const error = await sql.begin(() => Promise.reject(new RangeError("no"))).catch((error: unknown) => error);
    assertEquals([error instanceof RangeError, isOnlyCancelled(error)], [true, false]);

    // At every moment, also before a query was sent.
    await map(Array.from({ length: 60 }, (_, n) => n), async (n) => {
      const scope = new CancelScope();
      await openNursery(async (nursery) => {
        nursery.startSoon(() =>
          scope.run(() =>
            sql.begin(async (inside: typeof sql) => {
              for (let i = 0; i < 3; i++) await run(inside`INSERT INTO moves VALUES (${n})`);
            })
          )
        );
        for (let turn = 0; turn < n; turn++) await sleep(0);
        scope.cancel();
      });
    }, { concurrency: 2 });
    const rows = await run(sql`SELECT n, count(*)::int AS rows FROM moves GROUP BY n`) as { rows: number }[];
    assertEquals(rows.filter((each) => each.rows !== 3), []);
  } finally {
    await sql.end();
  }
});

Deno.test({
  name: "ioredis: a pop that is cancelled takes nothing, and leaves no connection",
  ignore: !hasNpm || !hasRedis,
  // A client that was told to disconnect keeps a timer until its socket has closed.
  sanitizeOps: false,
  sanitizeResources: false,
  fn: () =>
    failAfter(3 * LONGEST, () =>
      withRedis(async (url) => {
        const redis = new Redis(url);
        try {
          const until = async (what: () => Promise<boolean>) => {
            await failAfter(LONGEST, async () => {
              while (!await what()) await sleep(5);
            });
          };
          const blocked = (count: number) =>
            until(async () => (await redis.info("clients")).includes(`blocked_clients:${count}\r\n`));
          const scope = new CancelScope();
          await openNursery(async (nursery) => {
            const popping = nursery.startSoon(() => scope.run(() => pop(url, "queue")));
            await blocked(1);
            scope.cancel();
            assertEquals((await popping.join()).cancelledCaught, true);
          });
          await blocked(0);
          await redis.lpush("queue", "job");
          assertEquals(await redis.llen("queue"), 1); // nobody took it
          assertEquals(await pop(url, "queue"), "job");
          assertEquals(await cancellable(redis.get("none")), null);
          await until(async () => (await redis.client("LIST")).trim().split("\n").length === 1);
        } finally {
          redis.disconnect();
        }
      })),
});
