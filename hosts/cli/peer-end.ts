import type { PeerEnd } from '../../core/config/host-config.ts'
import type { CommandContext } from './context.ts'
import { ExitCode } from './exit-code.ts'

const CODES = {
  stopped: ExitCode.done,
  signed_out: ExitCode.signedOut,
  identity_in_use: ExitCode.identityInUse,
  unreachable: ExitCode.unreachable,
} as const

const TEXTS = {
  signed_out: 'signed out',
  identity_in_use: 'stopped, since another process with this identity is connected',
  unreachable: 'the portal cannot be reached',
} as const

/** Prints why a client or gateway has ended, and sets the exit code accordingly. */
export const reportEnd = ({ reason, detail }: PeerEnd, { output, exit }: CommandContext): void => {
  if (reason !== 'stopped') output.tell(`portreeve: ${TEXTS[reason]}${detail === undefined ? '' : `: ${detail}`}`)
  exit(CODES[reason])
}
