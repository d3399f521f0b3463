/** Those who can go on at a step of an explored run. */

/** Somebody who can go on: a wait that was granted, a task that begins, an alarm that is due. */
export interface Candidate {
  /** The number of its task; of an alarm, that of the task that has set it; 0 for the deadlines that have passed. */
  readonly id: number;
  /** Up to which step it stands back; 0 for not at all. Written by strategies. */
  standsBack: number;
  /** Lets it go on. */
  go(): void;
}

/** Which candidate was taken: the number of its task, and how many of the same task stood before it. */
export interface Pick {
  readonly id: number;
  readonly nth: number;
}

/** Where the nth candidate of a task stands; -1 if it is not there. */
export function indexOf(candidates: readonly Candidate[], { id, nth }: Pick): number {
  let left = nth;
  return candidates.findIndex((candidate) => candidate.id === id && left-- === 0);
}

/** What it takes to find a candidate again. */
export function pickOf(candidates: readonly Candidate[], index: number): Pick {
  const { id } = candidates[index] as Candidate;
  let nth = 0;
  for (let before = 0; before < index; before++) if ((candidates[before] as Candidate).id === id) nth++;
  return { id, nth };
}

/** Whether two picks are the same. */
export function isSame(one: Pick | undefined, other: Pick | undefined): boolean {
  return one?.id === other?.id && one?.nth === other?.nth;
}
