/** For tests that need a program of the system. */

/**
 * Says whether a program is there. A skipped test must not be silent: if it is not, a line says so.
 *
 * @param name Its command.
 * @param debianPackage What to install for it.
 */
export async function hasProgram(name: string, debianPackage: string): Promise<boolean> {
  try {
    await new Deno.Command(name, { args: ["--version"], stdin: "null", stdout: "null", stderr: "null" }).output();
    return true;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    // deno-lint-ignore no-console -- see above
    console.error(
      `Skipped the tests with ${name} as there is no such command: install Debian's package ${debianPackage}`,
    );
    return false;
  }
}
