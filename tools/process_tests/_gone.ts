/** The ends of processes that belong to somebody else. */

/** Waits until a process of others is gone; one that has ended, and nobody has waited for, is. */
export async function gone(pid: number): Promise<void> {
  for (let looks = 0; looks < 2_000; looks++) {
    const stat = await Deno.readTextFile(`/proc/${pid}/stat`).catch(() => ") Z");
    if (/\) Z/.test(stat)) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`Process ${pid} is still there`);
}
