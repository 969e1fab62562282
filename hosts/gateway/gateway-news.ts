import type { GatewayFlowsOutput } from '../../core/flow/gateway/gateway-flows.ts'
import type { PeerTunnelsOutput } from '../../core/ice/peer-tunnels-messages.ts'
import { NewsFilter } from '../../core/runtime/news-filter.ts'
import type { Note } from '../../core/runtime/note.ts'
import type { Instant } from '../../core/runtime/time.ts'

type Access = Extract<GatewayFlowsOutput, { type: 'granted' | 'withdrawn' | 'expired' }>
type PathEvent = Extract<PeerTunnelsOutput, { type: 'pathChosen' | 'pathLost' | 'peerFailed' }>

const MESSAGES = {
  granted: 'access granted',
  withdrawn: 'access withdrawn',
  expired: 'access expired',
} as const

/** Turns events of a gateway's clients into log lines, each repeated event only once. */
export class GatewayNews {
  readonly #filter = new NewsFilter()

  /** Returns the log line for a change of a client's access; undefined for a repetition. */
  access({ type, peer: client_id, resourceId: resource_id }: Access, now: Instant): Note | undefined {
    if (!this.#filter.isNews(`${client_id} ${resource_id}`, type, now)) return undefined
    return { type: 'note', message: MESSAGES[type], fields: { client_id, resource_id } }
  }

  /** Returns the log line for a change of the path to a client; undefined for a repetition. */
  path(output: PathEvent, now: Instant): Note | undefined {
    const { type, peer: client_id } = output
    if (type === 'pathChosen') {
      const { path } = output
      if (!this.#filter.isNews(`path ${client_id}`, path, now)) return undefined
      const family = path.startsWith('[') ? 'ipv6' : 'ipv4'
      return { type: 'note', message: 'a path to the client is found', fields: { client_id, family }, detail: { path } }
    }
    const reason = type === 'peerFailed' ? output.reason : 'path-lost'
    if (!this.#filter.isNews(`path ${client_id}`, reason, now)) return undefined
    return { type: 'note', message: 'the client is not reached', fields: { client_id, reason } }
  }
}
