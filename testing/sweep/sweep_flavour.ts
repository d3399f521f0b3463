/** The two moments of a wait at which a cancellation can hurt. */

/**
 * When a cancellation comes: as a wait begins, or after it was granted and before its task resumes.
 *
 * @category Assertions
 */
export type SweepFlavour = "before" | "granted";
