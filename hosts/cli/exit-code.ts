/** What the command ends with: the same for people and scripts. */
export const ExitCode = {
  /** Done, or connected. */
  done: 0,
  failed: 1,
  usage: 2,
  signedOut: 3,
  unreachable: 4,
  /** Another process with the same identity is connected, on a machine that this one is a copy of. */
  identityInUse: 5,
} as const
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode]
