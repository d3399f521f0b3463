/** Text that is made by tools, in the format of all other text. */

const root = new URL("../", import.meta.url);

/** What `deno fmt` makes of a text. */
export async function formatted(text: string, ending: "md" | "ts"): Promise<string> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["fmt", "--ext", ending, "--line-width", "120", "-"],
    cwd: root,
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(text));
  await writer.close();
  const { stdout, success } = await child.output();
  if (!success) throw new Error("Cannot format a text as deno fmt failed");
  return new TextDecoder().decode(stdout);
}
