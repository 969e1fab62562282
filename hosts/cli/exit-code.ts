/** What the command ends with: one meaning each, the same for people and scripts. config/README.md lists them. */
export const ExitCode = {
  /** Done; a status: connected and usable. */
  done: 0,
  /** Something went wrong that is said, and none of the others. */
  failed: 1,
  /** The words of the command, or a configuration. */
  usage: 2,
  /** There is no token, or the portal does not take it. */
  signedOut: 3,
  /** A portal, a database, a resource, or the client or gateway that was asked is not reached. */
  unreachable: 4,
  /** Another process with the same identity is connected, on a machine that this one is a copy of. */
  identityInUse: 5,
  /** The answer to the question whether somebody may is no. */
  denied: 6,
} as const
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode]
