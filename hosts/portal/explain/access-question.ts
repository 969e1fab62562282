import type { KnownFacts } from '../../../core/policy/known-facts.ts'
import type { UnixTime } from '../../../core/runtime/time.ts'

/** Question whether a person has access to a resource, and why. */
export interface AccessQuestion {
  accountId: string
  actorId: string
  resourceId: string
  /** Her device: what is known of it and of its connection stands in for what is not given. */
  clientId?: string | undefined
  /** Absent: now. */
  at?: UnixTime | undefined
  /** What is supposed to be known; goes before what is. */
  facts?: KnownFacts
  /** What is to be reached there. */
  traffic?: Traffic | undefined
}

export interface Traffic {
  protocol: 'tcp' | 'udp' | 'icmp'
  /** For tcp and udp. */
  port?: number | undefined
}
