/** Cryptography, loaded when it is first needed, and at once: a wait for it would be one of the host. */

type NodeCrypto = typeof import("node:crypto");

/** The module `node:crypto`. */
export function nodeCrypto(): NodeCrypto {
  const { process } = globalThis as unknown as { process: { getBuiltinModule(name: "node:crypto"): NodeCrypto } };
  return process.getBuiltinModule("node:crypto");
}
