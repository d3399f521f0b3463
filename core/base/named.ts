/** Things with a name. */

/** Options of whatever takes a name for reports, and nothing else. */
export interface NamedOptions {
  /** A name for reports. */
  readonly name?: string;
}
