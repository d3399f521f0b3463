// deno-lint-ignore-file
import { checkpoint, failAfter } from "@trefoil/io";

export async function sum(numbers: readonly number[]): Promise<number> {
  let total = 0;
  await failAfter(50, async () => {
    for (const [index, n] of numbers.entries()) {
      if (index % 10_000 === 0) await checkpoint();
      total += Math.sqrt(n);
    }
  });
  return total;
}
// ---
import { currentEffectiveDeadline, moveOnAfter, type SocketStream, timeLeft } from "@trefoil/io";

declare function work(): Promise<void>;
export async function fine(stream: SocketStream, then: Promise<void>): Promise<void> {
  await failAfter(5, work);
  await failAfter(5, () => work());
  await failAfter(5, () => {
    console.log("x");
    return work();
  });
  await failAfter(5, () => {
    return then;
  });
  await moveOnAfter(5, async () => {
    for await (const chunk of stream) console.log(chunk);
  });
  await moveOnAfter(5, (scope) => {
    if (scope.cancelCalled) console.log("late");
  });
  await moveOnAfter(5, async () => {
    await using _ = stream;
  });
  await failAfter(5, () => {
    throw new Error("x");
  });
  await failAfter(5, () => {});
  let later: Promise<void> | undefined;
  await failAfter(5, () => {
    later = (async () => {
      await checkpoint();
    })();
  });
  await failAfter(Infinity, () => {
    console.log("x");
  });
  await later;
  await failAfter(5, () => {
    console.log(currentEffectiveDeadline());
  });
  await failAfter(5, () => {
    console.log(timeLeft());
  });
}
