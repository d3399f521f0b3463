// deno-lint-ignore-file no-console
/**
 * A week of outages, in seconds.
 *
 * Run it: deno run examples/lighthouse/9_a_week.ts
 */
import { BufferedStream, serveTcp, simulate, type Simulation, sleep, sleepUntil } from "@trefoil/io";
import { parseTarget } from "./2_many_at_once.ts";
import { keepWatch } from "./8_winding_down.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

/** When it begins, at midnight of a Sunday, and how long it may take. */
export const THE_WEEK = { start: "2024-01-07T00:00:00Z", maxVirtual: 8 * DAY };

/** The hour of the simulated day, as in `"Mon 09:00:01"`. */
function now(): string {
  const date = new Date();
  return `${DAYS[date.getUTCDay()]} ${date.toISOString().slice(11, 19)}`;
}

/** Lives through a week, and returns what the pager was told, and when. */
export async function aWeek(sim: Simulation): Promise<string[]> {
  const told: string[] = [];
  const { net } = sim;
  const service = (name: string) => {
    const host = net.host(name);
    host.startSoon(() => serveTcp(() => {}, { port: 80 }));
    return host;
  };
  const [web, db, mail] = [service("web"), service("db"), service("mail")];
  net.host("pager").startSoon(() =>
    serveTcp(async (stream) => {
      const pager = new BufferedStream(stream);
      told.push(`${now()} ${await pager.receiveLine()}`);
      await pager.sendText("ok\n");
    }, { port: 9000 })
  );
  const lighthouse = net.host("lighthouse");
  lighthouse.startSoon(() =>
    keepWatch(["web:80", "db:80", "mail:80"].map(parseTarget), {
      port: 7070,
      pager: parseTarget("pager:9000"),
      every: MINUTE,
    })
  );
  const until = (day: string, hour: number) => sleepUntil(DAYS.indexOf(day) * DAY + hour * HOUR);

  await until("Mon", 9); // the power fails
  web.crash();
  await sleep(5 * MINUTE);
  web.restart();

  await until("Tue", 14); // a cable is pulled
  net.partition("lighthouse", "db");
  await sleep(10 * MINUTE);
  net.heal("lighthouse", "db");

  await until("Wed", 3); // a backup, during which nothing else runs
  mail.pause();
  await sleep(20 * MINUTE);
  mail.resume();

  await until("Thu", 11); // rush hour
  net.link("lighthouse", "web", { latency: 1_500 });
  await sleep(HOUR);
  net.link("lighthouse", "web", { latency: 0 });

  await until("Fri", 17); // first the pager is cut off, then something happens
  net.partition("lighthouse", "pager");
  await sleep(10 * MINUTE);
  db.crash();
  await sleep(10 * MINUTE);
  db.restart();
  await sleep(10 * MINUTE);
  net.heal("lighthouse", "pager");

  await until("Sat", 12); // the lighthouse itself
  lighthouse.crash();
  await sleep(HOUR);
  mail.crash();
  await sleep(HOUR);
  lighthouse.restart();
  await sleep(HOUR);
  mail.restart();

  await sleepUntil(7 * DAY);
  return told;
}

if (import.meta.main) {
  const start = performance.now();
  for (const line of await simulate(aWeek, THE_WEEK)) console.log(line);
  console.log(`a week in ${((performance.now() - start) / 1_000).toFixed(1)} seconds`);
}
