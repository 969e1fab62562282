import type { PeerEnd } from '../../core/config/host-config.ts'
import { endProcessSoon } from '../runtime/process/end-process.ts'
import { serviceNotices } from '../runtime/service-notices.ts'
import type { CommandContext } from './context.ts'
import { reportEnd } from './peer-end.ts'
import { untilSignal } from './until-signal.ts'

/** Gateway or relay that runs in this process. */
interface RunningPeer {
  /** Resolves when the portal refuses it for good. */
  ended: Promise<PeerEnd>
  stop: () => Promise<void>
}

/** Starts a gateway or relay, runs it until a signal or until the portal refuses it, and reports which. */
export const runPeer = async (start: () => Promise<RunningPeer>, context: CommandContext): Promise<void> => {
  // Listened for from here on: a signal during the start ends it as well.
  const ending = untilSignal()
  const notices = serviceNotices(context.env)
  const peer = await start()
  notices.ready()
  const end = await Promise.race([ending.then(() => ({ reason: 'stopped' as const })), peer.ended])
  notices.stopping()
  await peer.stop()
  endProcessSoon()
  reportEnd(end, context)
}
