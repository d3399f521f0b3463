import { assertEquals, assertRejects } from "@std/assert";
import http from "node:http";
import axios from "npm:axios@1.7.9";
import express from "npm:express@4.21.2";
import got from "npm:got@14.4.5";
import { Hono } from "npm:hono@4.6.14";
import { Pool, request } from "npm:undici@7.2.0";
import { WebSocket, WebSocketServer } from "npm:ws@8.18.0";
import { simulate, type Simulation, sleep, sleepForever } from "../../mod.ts";
import { host, twice } from "./_laws.ts";

/** Listens, until its task is cancelled. */
async function listening(server: http.Server): Promise<void> {
  server.listen(80);
  try {
    await sleepForever();
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

/** As much of express as is used here: its types are a package of their own. */
interface Routes {
  get(
    path: string,
    handler: (req: unknown, res: { send(text: string): void; json(value: unknown): void }) => void,
  ): void;
}

/** A server of express that answers at once, late, and never. */
function expressServer(): Promise<void> {
  const app: Routes = express();
  app.get("/", (_req, res) => void res.send("hello"));
  app.get("/late", (_req, res) => void setTimeout(() => res.json({ late: true }), 1_000));
  app.get("/never", () => {});
  return listening(http.createServer(app as never));
}

/** The same in hono, whose handlers know nothing of Node. */
function honoServer(): Promise<void> {
  const app = new Hono();
  app.get("/", (c) => c.text("hello"));
  app.get("/late", async (c) => {
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    return c.json({ late: true });
  });
  app.get("/never", () => new Promise<Response>(() => {}));
  return listening(http.createServer(async (req, res) => {
    const response = await app.fetch(new Request(`http://db${req.url}`));
    res.writeHead(response.status, Object.fromEntries(response.headers));
    res.end(await response.text());
  }));
}

type Get = (url: string, timeout?: number) => Promise<string>;

const clients: Record<string, Get> = {
  "node:http": (url, timeout) =>
    new Promise((resolve, reject) => {
      const req = http.get(url, { agent: false }, async (res) => {
        let text = "";
        for await (const chunk of res) text += chunk;
        resolve(text);
      });
      req.on("error", reject);
      if (timeout !== undefined) req.setTimeout(timeout, () => req.destroy(new Error("timeout")));
    }),
  axios: async (url, timeout) => {
    const { data } = await axios.get(url, {
      timeout: timeout ?? 0,
      adapter: "http",
      responseType: "text",
      transformResponse: (x) => x,
    });
    return data;
  },
  got: async (url, timeout) =>
    (await got(url, {
      timeout: timeout === undefined ? {} : { request: timeout },
      retry: { limit: 0 },
      agent: { http: new http.Agent() },
    })).body,
};

for (const [server, serve] of Object.entries({ express: expressServer, hono: honoServer })) {
  for (const [client, get] of Object.entries(clients)) {
    Deno.test(`${client} and ${server} talk at exact times`, async () => {
      await twice(async (sim) => {
        const db = host(sim, serve);
        assertEquals([await get("http://db/"), sim.now], ["hello", 40]);
        const begun = sim.now;
        assertEquals([await get("http://db/late"), sim.now - begun - 1_000 <= 40], ['{"late":true}', true]);
        const asked = sim.now;
        await assertRejects(() => get("http://db/never", 500), Error);
        // The timeout of node:http begins anew with each thing that happens, here when it has connected.
        assertEquals(sim.now - asked, client === "node:http" ? 520 : 500);
        db.crash();
        const crashed = sim.now;
        await assertRejects(() => get("http://db/", 500), Error);
        // That of node:http begins when it has connected; this is the system's.
        assertEquals(sim.now - crashed, client === "node:http" ? 60_000 : 500);
        db.restart();
        await sleep(0);
        assertEquals(await get("http://db/"), "hello");
      });
    });
  }
}

Deno.test("undici talks at exact times", async () => {
  await twice(async (sim) => {
    host(sim, expressServer);
    const pool = new Pool("http://db", { connections: 1 });
    const { body } = await request("http://db/", { dispatcher: pool });
    assertEquals([await body.text(), sim.now], ["hello", 40]);
    await assertRejects(() => request("http://db/never", { dispatcher: pool, signal: AbortSignal.timeout(500) }));
    assertEquals(sim.now, 540);
    await pool.destroy();
  });
});

Deno.test("ws talks at exact times, and closes", async () => {
  await twice(async (sim) => {
    host(sim, async () => {
      const server = http.createServer();
      const sockets = new WebSocketServer({ server });
      sockets.on(
        "connection",
        (socket: WebSocket) => socket.on("message", (data: unknown) => socket.send(`echo ${data}`)),
      );
      await listening(server);
    });
    const socket = new WebSocket("ws://db");
    await new Promise((resolve) => socket.once("open", resolve));
    assertEquals(sim.now, 40);
    socket.send("hello");
    assertEquals([`${await new Promise((resolve) => socket.once("message", resolve))}`, sim.now], ["echo hello", 60]);
    socket.close();
    await new Promise((resolve) => socket.once("close", resolve));
  });
});

Deno.test("simulations beside each other share an agent and no connection", async () => {
  const agent = new http.Agent({ keepAlive: true });
  const get = () =>
    new Promise<string>((resolve, reject) => {
      http.get("http://db/", { agent }, async (res) => {
        let text = "";
        for await (const chunk of res) text += chunk;
        resolve(text);
      }).on("error", reject);
    });
  const test = (name: string) => async (sim: Simulation) => {
    sim.net.host("db").startSoon(() => listening(http.createServer((_req, res) => void res.end(name))));
    await sleep(1);
    return [await get(), await get(), sim.net.log().filter((line) => line.includes("connect")).length];
  };
  const [a, b] = await Promise.all([simulate(test("a")), simulate(test("b"))]);
  assertEquals([a, b], [["a", "a", 1], ["b", "b", 1]]);
  assertEquals(Object.keys(agent.freeSockets), []);
});
