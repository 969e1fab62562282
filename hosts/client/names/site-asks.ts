import type { ServerVerdict } from '../../../core/contract/upstream-resolver.ts'
import { leadsToServices } from '../../../core/dns/record-kind.ts'
import { SITE_RESOLVER_PORT } from '../../../core/dns/site-service.ts'
import { endpoint, type Endpoint } from '../../../core/runtime/endpoint.ts'
import type { NameServiceOutput } from './name-service.ts'

export type SiteAsk = Extract<NameServiceOutput, { type: 'askSite' }>

/** What becomes of a question: a server that it goes to, a verdict at once, or neither where it waits; and the resources to be authorized for it. */
export interface SiteRoute {
  server?: Endpoint
  verdict?: ServerVerdict
  wanted: readonly string[]
}

/** A gateway as far as questions to it are concerned: its tunnel address, and whether it answers records of types beside SRV and TXT. */
export interface AnsweringGateway {
  ipv4: string
  hasSiteRecords: boolean
}

/** What is known of a resource. */
export interface SiteView {
  isDenied: (resourceId: string) => boolean
  /** The gateway that serves it, if one does. */
  gatewayOf: (resourceId: string) => AnsweringGateway | undefined
}

/** Questions to sites that wait for the first of their resources to be authorized. How long is the resolver's to say. */
export class SiteAsks {
  readonly #waiting = new Map<number, SiteAsk>()

  /** Leads a question to the gateway of the name's most specific resource that was not denied (D3), or has it wait for that to be granted. */
  route(question: SiteAsk, { isDenied, gatewayOf }: SiteView): SiteRoute {
    const { resourceIds, recordType } = question
    if (resourceIds.length === 0) return { verdict: failed('refused', 'not authorized'), wanted: [] }
    const at = Math.max(
      0,
      resourceIds.findIndex((id) => !isDenied(id)),
    )
    const left = resourceIds.slice(at)
    const gateway = gatewayOf(left[0] ?? '')
    // Those that were denied too, for the next question: nobody tells us when what was in their way is gone.
    const wanted = resourceIds.slice(0, gateway === undefined ? at + 1 : at)
    if (gateway === undefined) {
      this.#waiting.set(question.ask, { ...question, resourceIds: left })
      return { wanted }
    }
    // A released gateway does not know others, and the question could wait in vain.
    if (!gateway.hasSiteRecords && !leadsToServices(recordType)) {
      return { verdict: failed('unsupported', 'the gateway answers SRV and TXT only'), wanted }
    }
    return { server: endpoint(gateway.ipv4, SITE_RESOLVER_PORT), wanted }
  }

  forget(ask: number): void {
    this.#waiting.delete(ask)
  }

  /** Those that wait for a resource, which wait no longer. */
  connected(resourceId: string): SiteAsk[] {
    return this.#take(resourceId)
  }

  /** Those that wait for a resource that was denied: what is left of each to ask for. */
  denied(resourceId: string): SiteAsk[] {
    return this.#take(resourceId).map((ask) => ({ ...ask, resourceIds: ask.resourceIds.slice(1) }))
  }

  #take(resourceId: string): SiteAsk[] {
    const waiting = [...this.#waiting.values()].filter(({ resourceIds }) => resourceIds[0] === resourceId)
    for (const { ask } of waiting) this.#waiting.delete(ask)
    return waiting
  }
}

const failed = (code: 'refused' | 'unsupported', reason: string): ServerVerdict => ({ type: 'failed', code, reason })
