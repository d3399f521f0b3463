/**
 * How messages name a task: everywhere the same way, so that one can look for it in a log. The name says what it is, and
 * the number which of those with that name; a task without a name of its own is called "task".
 */

/** What is needed of a task: the number is unique within its run. */
export interface NamedTask {
  readonly name: string;
  readonly id: number;
}

/** A task in a sentence: `task "load user" #7`. */
export function taskText(task: NamedTask): string {
  return `task ${quotedTask(task)}`;
}

/** The same behind words that say that it is a task: `"load user" #7`. */
export function quotedTask({ name, id }: NamedTask): string {
  return `"${name}" #${id}`;
}

/** The same in a tree or a table, in which each line is a task's: `load user #7`. */
export function bareTask({ name, id }: NamedTask): string {
  return `${name} #${id}`;
}
