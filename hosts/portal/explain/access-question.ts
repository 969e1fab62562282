import type { UnixTime } from '../../../core/runtime/time.ts'
import type { SupposedValues } from '../decide/request-facts.ts'

/** Question whether a person has access to a resource, and why. */
export interface AccessQuestion {
  accountId: string
  actorId: string
  resourceId: string
  /** The person's device: facts known of it and its connection are used where `facts` gives none. */
  clientId?: string | undefined
  /** Time of the supposed request; the present if absent. */
  at?: UnixTime | undefined
  /** Values of facts to suppose, by name; they override known ones. */
  facts?: SupposedValues
  /** Protocol and port to check against the resource's filters. */
  traffic?: Traffic | undefined
}

export interface Traffic {
  protocol: 'tcp' | 'udp' | 'icmp'
  /** Destination port, for tcp and udp. */
  port?: number | undefined
}
