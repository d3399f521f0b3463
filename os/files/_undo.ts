/**
 * Making something in the file system that has to be removed again, and removing it.
 *
 * Both are short, and neither may stop half way: so that nothing is left by the time a cancellation is thrown.
 */

import { read, reportHook } from "../../core/internal.ts";
import { checkpoint, shielded } from "../../core/mod.ts";
import { hostWait } from "../base/host_wait.ts";
import { files } from "../host/files.ts";

/** Makes something; in a cancelled scope it does not begin, and then is not cancelled any more. */
export async function make(label: string, by: () => Promise<string>): Promise<string> {
  await checkpoint();
  const outcome = await shielded(() => hostWait(label, by));
  return outcome.value as string;
}

/**
 * Removes a file or a folder. What is gone already is well; another failure is reported, as it must not hide why this is
 * done.
 */
export async function removeQuietly(path: string, options: Deno.RemoveOptions = {}): Promise<void> {
  try {
    await shielded(() => hostWait(`remove ${path}`, () => files.remove(path, options)));
  } catch (error) {
    if (read(error, "name") !== "NotFound") reportHook(`Cannot remove "${path}"`, error);
  }
}
