/** What is to be run. */

/**
 * A program and its arguments; or the name of a program without arguments.
 *
 * There is never a shell in between: a string with blanks is looked for as a file of that name.
 *
 * @category Processes
 */
export type Command = string | readonly [program: string, ...args: string[]];
