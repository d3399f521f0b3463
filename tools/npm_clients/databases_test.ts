import { assertEquals, assertRejects } from "@std/assert";
import pg from "npm:pg@8.13.1";
import mysql from "npm:mysql2@3.11.5/promise";
import { moveOnAfter, sleep } from "../../mod.ts";
import { blocksOf } from "../page_blocks.ts";
import { fakeMysql, fakePostgres } from "./fakes.ts";
import { host, twice } from "./_laws.ts";

// At the top level: see "Limits" of the README.
const blocks = await blocksOf("docs/guides/databases.md", ["pg@8.13.1"]);
const { query } = await blocks["pg.ts"]!();
const { openDatabase } = await blocks["database.ts"]!();

Deno.test("pg connects, times out and connects again, at exact times", async () => {
  await twice(async (sim) => {
    const db = host(sim, fakePostgres());
    const pool = new pg.Pool({
      host: "db",
      user: "u",
      password: "p",
      database: "d",
      query_timeout: 500,
      connectionTimeoutMillis: 700,
      max: 1,
    });
    pool.on("error", () => {});
    assertEquals([(await pool.query("select 1")).rows, sim.now], [[{ text: "select 1" }], 60]);
    assertEquals([(await pool.query("select $1", ["x"])).rows[0], sim.now], [{ text: "select $1" }, 80]);
    {
      using _ = sim.net.partition("test", "db");
      await assertRejects(() => pool.query("select 2"), Error, "Query read timeout");
      assertEquals(sim.now, 580);
    }
    await sleep(420);
    db.crash();
    await assertRejects(() => pool.query("select 3"), Error, "Connection terminated due to connection timeout");
    assertEquals(sim.now, 1_700);
    db.restart();
    assertEquals([(await pool.query("select 4")).rows, sim.now], [[{ text: "select 4" }], 1_760]);
    await pool.end();
  });
});

Deno.test("pg, as docs/guides/databases.md has it, gives up where nobody can be told, and opens another connection", async () => {
  await twice(async (sim) => {
    host(sim, fakePostgres());
    await using database = openDatabase({ host: "db", user: "u", password: "p", database: "d", statement_timeout: 0 });
    const ask = (text: string) => database.use((client: unknown) => query(client, text));
    assertEquals([(await ask("select 1")).rows, sim.now], [[{ text: "select 1" }], 60]);
    {
      using _ = sim.net.partition("test", "db");
      // Half a second, and two for the server that was to be told to cancel.
      assertEquals([(await moveOnAfter(500, () => ask("select 2"))).cancelledCaught, sim.now], [true, 2_560]);
      // No connection, so nobody has to be told.
      assertEquals([(await moveOnAfter(500, () => ask("select 2"))).cancelledCaught, sim.now], [true, 3_060]);
      assertEquals(database.statistics(), { inUse: 0, idle: 0, tasksWaiting: 0, opened: 1 });
    }
    assertEquals([(await ask("select 3")).rows, sim.now], [[{ text: "select 3" }], 3_120]);
  });
});

Deno.test("mysql2 connects, times out and connects again, at exact times", async () => {
  await twice(async (sim) => {
    const db = host(sim, fakeMysql());
    const options = { host: "db", user: "u", connectTimeout: 300 };
    const connection = await mysql.createConnection(options);
    assertEquals(sim.now, 60); // connect, and hear the greeting: as long as a round trip each; log in
    const [rows] = await connection.query("select 1");
    assertEquals([rows, sim.now], [[{ text: "select 1" }], 80]);
    {
      using _ = sim.net.partition("test", "db");
      await assertRejects(() => connection.query({ sql: "select 2", timeout: 500 }), Error, "Query inactivity timeout");
      assertEquals(sim.now, 580);
      await assertRejects(() => mysql.createConnection(options), Error, "connect ETIMEDOUT");
      assertEquals(sim.now, 880);
    }
    connection.destroy();
    db.crash();
    await sleep(120);
    db.restart();
    await sleep(0);
    const again = await mysql.createConnection(options);
    assertEquals([(await again.query("select 3"))[0], sim.now], [[{ text: "select 3" }], 1_080]);
    again.destroy();
  });
});
