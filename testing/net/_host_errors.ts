/**
 * The errors of a host's network, as Deno 2.9.6 on Linux throws them: same class, message and `code`. Where there is no
 * Deno, an `Error` that has their name.
 */

const ERRORS = {
  AddrInUse: ["Address already in use (os error 98)", "EADDRINUSE"],
  AddrNotAvailable: ["Cannot assign requested address (os error 99)", "EADDRNOTAVAIL"],
  BadResource: ["Bad resource ID", undefined],
  BrokenPipe: ["Broken pipe (os error 32)", "EPIPE"],
  Busy: ["Another accept task is ongoing", undefined],
  ConnectionRefused: ["Connection refused (os error 111)", "ECONNREFUSED"],
  ConnectionReset: ["Connection reset by peer (os error 104)", "ECONNRESET"],
  InvalidData: ["invalid data", undefined],
  InvalidInput: ["Invalid argument (os error 22)", "EINVAL"],
  Interrupted: ["operation canceled", "EINTR"],
  NetworkDown: ["Network is down (os error 100)", "ENETDOWN"],
  NotFound: ["No such file or directory (os error 2)", "ENOENT"],
  PermissionDenied: ["Permission denied (os error 13)", "EACCES"],
  TimedOut: ["Connection timed out (os error 110)", "ETIMEDOUT"],
  UnexpectedEof: ["unexpected end of file", undefined],
} as const;

/** The errors there are. */
export type HostErrorName = keyof typeof ERRORS;

/** Makes an error of the host. */
export function hostError(name: HostErrorName, message: string = ERRORS[name][0]): Error {
  const { Deno: deno } = globalThis as {
    Deno?: { errors: Partial<Record<HostErrorName, new (message: string) => Error>> };
  };
  const Class = deno?.errors[name] ?? Error;
  const error = new Class(message);
  if (error.name !== name) error.name = name;
  const code = ERRORS[name][1];
  return code === undefined ? error : Object.assign(error, { code });
}

/** What a resolver says of a name it does not know; as `node:dns`, which is what Deno's network asks. */
export function unknownName(hostname: string): Error {
  // deno-lint-ignore trefoil/error-message -- the words are those of node:dns
  const error = new Error(`getaddrinfo ENOTFOUND ${hostname}`);
  return Object.assign(error, { code: "ENOTFOUND", syscall: "getaddrinfo", hostname });
}
