/** What measuring finds, for those who show it. */

/** What the project promises about a candidate: a ratio to another one, or a value in the unit of the case. */
export interface Limit {
  readonly of: string;
  readonly against?: string;
  readonly atMost?: number;
  readonly atLeast?: number;
}

/** What came out for one candidate. */
export interface Row {
  readonly candidate: string;
  readonly median: number;
  readonly min: number;
  readonly max: number;
  /** To the median of the baseline. */
  readonly ratio: number | null;
  readonly samples: readonly number[];
}

/** A limit, with what was found. */
export interface Finding extends Limit {
  readonly found: number;
  readonly met: boolean;
}

/** What came out for a case. */
export interface CaseResult {
  readonly title: string;
  readonly unit: string;
  readonly baseline: string;
  readonly rows: readonly Row[];
  readonly findings: readonly Finding[];
}
