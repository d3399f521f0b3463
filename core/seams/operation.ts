/** What only the outside world can finish, as those see it who have begun it. */

/**
 * An operation of the host that has begun.
 *
 * @category Low level
 */
export interface HostOperation {
  /** The name of the operation in reports. */
  readonly label: string;
  /** Reports that the operation is over, well or badly. Harmless when repeated. */
  end(): void;
}
