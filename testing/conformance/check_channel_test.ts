import { openMemoryChannel } from "../../core/mod.ts";
import { checkChannel } from "../mod.ts";

for (const capacity of [0, 1, 3, Infinity]) {
  Deno.test(`openMemoryChannel(${capacity}) keeps the rules of a channel`, (t) =>
    checkChannel(t, () => openMemoryChannel<number>(capacity), { capacity }));
}
