import { NewsFilter } from '../../core/runtime/news-filter.ts'
import type { Note } from '../../core/runtime/note.ts'
import type { Instant } from '../../core/runtime/time.ts'
import type { ConnectionsOutput } from './connections.ts'

type Told = Extract<ConnectionsOutput, { type: 'granted' | 'pathTaken' | 'disconnected' }>

/** Turns events of a client's access into log lines, each repeated event only once. */
export class ClientNews {
  readonly #filter = new NewsFilter()

  /** Returns the log line for an event of the connections; undefined for a repetition. */
  hear(output: Told, now: Instant): Note | undefined {
    const { id, name } = output.gateway
    const about = { gateway_id: id, ...(name === undefined ? {} : { gateway: name }) }
    switch (output.type) {
      case 'granted': {
        const { resourceId: resource_id } = output
        if (!this.#filter.isNews(resource_id, `granted ${id}`, now)) return undefined
        return { type: 'note', message: 'access granted', fields: { resource_id, ...about } }
      }
      case 'pathTaken': {
        const { gateway, before } = output
        const message =
          before === undefined ? 'a path to the gateway is found' : 'packets to the gateway take another path'
        const family = gateway.path?.startsWith('[') === true ? 'ipv6' : 'ipv4'
        return { type: 'note', message, fields: { ...about, family }, detail: { path: gateway.path } }
      }
      case 'disconnected': {
        const { reason, how, resourceIds } = output
        if (how !== 'ended' && !this.#filter.isNews(`gateway ${id}`, reason, now)) return undefined
        return {
          type: 'note',
          message: how === 'ended' ? 'the connection to the gateway has ended' : 'the gateway is lost',
          fields: { ...about, reason, resource_ids: resourceIds },
        }
      }
    }
  }

  /** Returns the log line for a denied request; undefined for a repetition. */
  denied(resource_id: string, reason: string, now: Instant): Note | undefined {
    if (!this.#filter.isNews(resource_id, `denied ${reason}`, now)) return undefined
    return { type: 'note', message: 'access denied', fields: { resource_id, reason } }
  }

  /**
   * Returns the log line for a resource that cannot be requested while the portal is unreachable; undefined for a
   * repetition.
   */
  notRequested(resource_id: string, now: Instant): Note | undefined {
    if (!this.#filter.isNews(resource_id, 'not requested', now)) return undefined
    return { type: 'note', message: 'access cannot be asked for: the portal is away', fields: { resource_id } }
  }
}
