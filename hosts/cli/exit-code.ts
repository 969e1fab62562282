/** Exit codes of all commands; config/README.md lists them. */
export const ExitCode = {
  /** The command succeeded; for a status: connected and usable. */
  done: 0,
  /** An error that has no code of its own. */
  failed: 1,
  /** Wrong arguments or configuration. */
  usage: 2,
  /** There is no token, or the portal refuses it. */
  signedOut: 3,
  /** The portal, the database, a resource, or the client or gateway that was asked cannot be reached. */
  unreachable: 4,
  /** Another process with the same identity is connected, such as on a machine that this one was copied from. */
  identityInUse: 5,
  /** Access is, or would be, denied (`portreeve explain`, `portreeve client ping`), or not as a file expects it (`portreeve apply`). */
  denied: 6,
} as const
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode]
