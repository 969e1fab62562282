import { token } from '../di.ts'

/** Something that this machine keeps a client or gateway from having, in words for people. */
export interface HostProblem {
  /** Stable code in lower case, as listed in config/README.md: `forward_drop`. */
  code: string
  /** Description of the problem: a clause that ends without a full stop. */
  said: string
  /** Remedy for the operator: sentences, with the commands to run. */
  remedy: string
  /**
   * Whether names or packets do not pass because of the problem. A client or gateway is then not shown as connected,
   * and a gateway is not chosen.
   */
  blocks: boolean
}

/** Problems of this machine's configuration, as found by whoever keeps it in force. */
export interface HostProblems {
  problems: () => readonly HostProblem[]
  /** Calls back after the problems have changed. Returns a function that ends the watch. */
  watch: (changed: () => void) => () => void
}

export const HostProblems = token<HostProblems>('host-problems')

/** Formats a problem in one line, for people. */
export const hostProblemText = ({ code, said, remedy }: HostProblem): string => `${said} (${code}). ${remedy}`
