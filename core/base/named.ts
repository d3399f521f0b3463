/** Things with a name. */

/**
 * Options of functions and classes that take only a name for reports.
 *
 * @category Tasks
 */
export interface NamedOptions {
  /** A name for reports. */
  readonly name?: string;
}
