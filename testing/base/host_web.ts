/**
 * The host's own HTTP, noted at import: a simulation stands in for that, and not for what a test has put in its place.
 *
 * Noted is how it is defined. To look at the values would make Deno load them, which takes milliseconds.
 */

const { Deno: deno = {} } = globalThis as { Deno?: object };

const OWN: readonly (readonly [object, string, PropertyDescriptor | undefined])[] = ([
  [globalThis, "fetch"],
  [globalThis, "WebSocket"],
  [globalThis, "EventSource"],
  [deno, "serve"],
  [deno, "upgradeWebSocket"],
] as const).map(([target, key]) => [target, key, Object.getOwnPropertyDescriptor(target, key)]);

/** Whether something is defined as it was when this was imported. */
export function isOfHost(target: object, key: string): boolean {
  const now = Object.getOwnPropertyDescriptor(target, key);
  return OWN.some(([object, name, then]) =>
    object === target && name === key && now !== undefined && now.value === then?.value && now.get === then?.get
  );
}
