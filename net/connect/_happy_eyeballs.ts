/**
 * In which order to try the addresses of a host: RFC 8305 §4, families interleaved, beginning with the family the
 * resolver put first (it has sorted by RFC 6724 already), one address of it before the first of the other.
 */

import type { ResolvedAddress } from "../../core/lowlevel.ts";

/** Interleaves the families; within a family the resolver's order stays. */
export function interleave(addresses: readonly ResolvedAddress[]): ResolvedAddress[] {
  const preferred = addresses[0]?.family;
  const first = addresses.filter(({ family }) => family === preferred);
  const second = addresses.filter(({ family }) => family !== preferred);
  const order: ResolvedAddress[] = [];
  for (let i = 0; i < Math.max(first.length, second.length); i++) {
    order.push(...first.slice(i, i + 1), ...second.slice(i, i + 1));
  }
  return order;
}
