import { assert, assertEquals, assertRejects } from "@std/assert";
import { CapacityLimiter, Event, Lock, run, Semaphore, sleep } from "../../core/mod.ts";
import { suspend, type Waker } from "../../core/lowlevel.ts";
import { assertFair, type FairLock, simulated } from "../mod.ts";

for (
  const [name, make] of [
    ["Lock", () => new Lock()],
    ["Semaphore(1)", () => new Semaphore(1)],
    ["Semaphore(3)", () => new Semaphore(3)],
    ["CapacityLimiter(2)", () => new CapacityLimiter(2)],
  ] as const
) {
  Deno.test(`a ${name} is fair`, async () => {
    await assertFair(make());
  });
}

Deno.test(
  "assertFair() runs in the simulation at hand, and leaves the lock free",
  simulated(async (sim) => {
    const lock = new Lock();
    await sleep(5);
    await assertFair(lock);
    assertEquals([sim.now, lock.statistics().locked], [5, false]);
  }),
);

/** A lock with all decisions open: right as it is, wrong in one point in each of the tests. */
class Plain implements FairLock {
  protected busy = false;
  protected readonly line: Waker<Disposable>[] = [];

  async acquire(): Promise<Disposable> {
    if (!this.busy) {
      this.busy = true;
      return this.guard();
    }
    let mine: Waker<Disposable>;
    return await suspend<Disposable>({ kind: "plain" }, (waker) => void this.line.push(mine = waker), () => {
      this.line.splice(this.line.indexOf(mine), 1);
      return true;
    });
  }

  protected guard(): Disposable {
    return { [Symbol.dispose]: () => this.release() };
  }

  protected release(): void {
    const next = this.line.shift();
    if (next === undefined) this.busy = false;
    else next.wake(this.guard());
  }
}

const BROKEN: Record<string, [make: () => FairLock, finding: string]> = {
  "the last to come is served first": [
    () =>
      new class extends Plain {
        protected override release(): void {
          const next = this.line.pop();
          if (next === undefined) this.busy = false;
          else next.wake(this.guard());
        }
      }(),
    "those who wait must get it in the order in which they came (1, 4, 5, the one who comes back, a newcomer): it went to ",
  ],
  "whoever asks first after a release gets it": [
    () =>
      new class implements FairLock {
        #free: Event | null = null;
        async acquire(): Promise<Disposable> {
          while (this.#free !== null) await this.#free.wait();
          const free = this.#free = new Event();
          return {
            [Symbol.dispose]: () => {
              this.#free = null;
              free.set();
            },
          };
        }
      }(),
    "those who wait must get it in the order in which they came (1, 4, 5, the one who comes back, a newcomer): it went to the one who comes back, ",
  ],
  "tryAcquire() overtakes": [
    () =>
      new class extends Plain {
        tryAcquire(): Disposable | undefined {
          return this.line.length === 0 ? undefined : { [Symbol.dispose]() {} };
        }
      }(),
    "tryAcquire() must refuse while others wait: it got the lock",
  ],
  "a cancelled waiter lets the next one in": [
    () =>
      new class extends Plain {
        override async acquire(): Promise<Disposable> {
          try {
            return await super.acquire();
          } catch (error) {
            this.release();
            throw error;
          }
        }
      }(),
    "a waiter that is cancelled must not let anybody in: it went to 1",
  ],
  "what is granted to a cancelled waiter is lost": [
    () =>
      new class extends Plain {
        override async acquire(): Promise<Disposable> {
          const guard = await super.acquire();
          await sleep(0);
          return guard;
        }
      }(),
    "those who wait must get it in the order in which they came (1, 4, 5, the one who comes back, a newcomer): it went to 1",
  ],
  "nobody is ever let in": [
    () =>
      new class extends Plain {
        override acquire(): Promise<Disposable> {
          this.busy = true;
          return super.acquire();
        }
      }(),
    "it must be free when it is handed in: nobody got it",
  ],
  "everybody is let in": [
    () => ({ acquire: () => Promise.resolve({ [Symbol.dispose]() {} }) }),
    "it must have at most 1000 places: everybody got one",
  ],
  "the last to leave takes it away": [
    () =>
      new class extends Plain {
        protected override release(): void {
          if (this.line.length > 0) super.release();
        }
      }(),
    "it must be free when all have left, also those who were cancelled: 0 of 1 places are",
  ],
};

for (const [what, [make, finding]] of Object.entries(BROKEN)) {
  Deno.test(`assertFair() finds: ${what}`, async () => {
    const error = await assertRejects(() => assertFair(make()), Error);
    assert(error.message.startsWith(`Cannot accept the lock as fair as ${finding}`), error.message);
  });
}

Deno.test("assertFair() in a run of another kind says what to do", async () => {
  await run(async () => {
    const error = await assertRejects(() => assertFair(new Lock()), TypeError);
    assertEquals(
      error.message,
      "Cannot assert fairness as a run() of your own does not tell when all tasks wait: call it in simulated(), or outside any run",
    );
  }, { handleSignals: false });
});
