/** Whether the packages that these tests use can be had: from the cache, or from npm. */

/** `wanted` are the files, and what else `deno cache` has to know. */
export async function areClientsThere(wanted: readonly string[]): Promise<boolean> {
  const args = ["cache", "--no-lock", "--quiet", "--no-check", ...wanted];
  const { success } = await new Deno.Command(Deno.execPath(), { args, stdout: "null", stderr: "null" }).output();
  return success;
}
