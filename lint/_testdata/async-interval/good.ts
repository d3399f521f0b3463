// deno-lint-ignore-file
import { fetch, type Nursery, sleep } from "@trefoil/io";

export function watch(nursery: Nursery, url: string): void {
  nursery.startSoon(async () => {
    for (;;) {
      await sleep(10_000);
      const response = await fetch(url);
      console.log(response.status);
    }
  }, { daemon: true });
}
// ---
declare function foreign(): Promise<void>;
export function fine(): void {
  setInterval(() => console.log("x"), 5);
  setInterval(async () => await foreign(), 5);
}
