import type { ServerVerdict } from '../../../core/contract/upstream-resolver.ts'
import { leadsToServices } from '../../../core/dns/record-kind.ts'
import { SITE_SERVICE_PORT } from '../../../core/dns/site-service.ts'
import { UNREACHABLE_FOR_MS } from '../../../core/flow/client/awaited-grants.ts'
import { endpoint, type Endpoint } from '../../../core/runtime/endpoint.ts'
import { after, type Instant } from '../../../core/runtime/time.ts'
import type { NameServiceOutput } from './name-service.ts'

export type SiteAsk = Extract<NameServiceOutput, { type: 'askSite' }>

/** Decision on a question to a site; it waits if there is neither `server` nor `verdict`. */
export interface SiteRoute {
  /** Server to ask. */
  server?: Endpoint
  /** Answer without asking a server. */
  verdict?: ServerVerdict
  /** Resources to request access to. */
  wanted: readonly string[]
}

/** Gateway as a DNS server for its site's names. */
export interface AnsweringGateway {
  /** Tunnel address to send queries to. */
  ipv4: string
  /** Whether the gateway answers other record types than SRV and TXT. */
  hasSiteRecords: boolean
}

/** Access to the state of resources. */
export interface SiteView {
  isDenied: (resourceId: string) => boolean
  /** Returns the gateway that serves a resource, if any. */
  gatewayOf: (resourceId: string) => AnsweringGateway | undefined
}

/** Questions to sites that wait until the first of their resources is authorized. The resolver decides how long. */
export class SiteAsks {
  readonly #waiting = new Map<number, SiteAsk>()
  /** Times until which questions for resources without a path are answered at once, by resource. */
  readonly #unreachableUntil = new Map<string, Instant>()

  /**
   * Routes a question to the gateway of the name's most specific resource that was not denied (D3), or lets it wait for
   * a grant.
   */
  route(question: SiteAsk, { isDenied, gatewayOf }: SiteView, now: Instant): SiteRoute {
    const { resourceIds, recordType } = question
    if (resourceIds.length === 0) return { verdict: failed('refused', 'not authorized'), wanted: [] }
    const at = Math.max(
      0,
      resourceIds.findIndex((id) => !isDenied(id)),
    )
    const left = resourceIds.slice(at)
    const gateway = gatewayOf(left[0] ?? '')
    // Denied resources are requested, too, for the next question: the client is not told when the cause of a denial is
    // gone.
    const wanted = resourceIds.slice(0, gateway === undefined ? at + 1 : at)
    if (gateway === undefined) {
      // A path is sought again nevertheless, for the next question.
      if (now < (this.#unreachableUntil.get(left[0] ?? '') ?? now)) return { verdict: UNREACHABLE, wanted }
      this.#waiting.set(question.ask, { ...question, resourceIds: left })
      return { wanted }
    }
    // A released gateway does not answer other types, and the question would wait in vain.
    if (!gateway.hasSiteRecords && !leadsToServices(recordType)) {
      return { verdict: failed('unsupported', 'the gateway answers SRV and TXT only'), wanted }
    }
    return { server: endpoint(gateway.ipv4, SITE_SERVICE_PORT), wanted }
  }

  /** Whether a question waits for a resource. */
  isWanted(resourceId: string): boolean {
    return [...this.#waiting.values()].some(({ resourceIds }) => resourceIds[0] === resourceId)
  }

  forget(ask: number): void {
    this.#waiting.delete(ask)
  }

  /** Removes and returns the questions that wait for a resource, once it is connected. */
  takeConnected(resourceId: string): SiteAsk[] {
    this.#unreachableUntil.delete(resourceId)
    return this.#take(resourceId)
  }

  /**
   * Removes and returns the questions that wait for a resource whose gateways cannot be reached, with their verdict.
   * Questions of the next seconds do not wait either, as packets do not, until the resource is connected.
   */
  unreachable(resourceId: string, now: Instant): { asks: SiteAsk[]; verdict: ServerVerdict } {
    for (const [id, until] of this.#unreachableUntil) if (until <= now) this.#unreachableUntil.delete(id)
    this.#unreachableUntil.set(resourceId, after(now, UNREACHABLE_FOR_MS))
    return { asks: this.#take(resourceId), verdict: UNREACHABLE }
  }

  /** Removes and returns the questions that wait for a denied resource, each with its remaining resources. */
  takeDenied(resourceId: string): SiteAsk[] {
    return this.#take(resourceId).map((ask) => ({ ...ask, resourceIds: ask.resourceIds.slice(1) }))
  }

  #take(resourceId: string): SiteAsk[] {
    const waiting = [...this.#waiting.values()].filter(({ resourceIds }) => resourceIds[0] === resourceId)
    for (const { ask } of waiting) this.#waiting.delete(ask)
    return waiting
  }
}

const failed = (code: 'refused' | 'unsupported', reason: string): ServerVerdict => ({ type: 'failed', code, reason })

const UNREACHABLE: ServerVerdict = { type: 'failed', code: 'unreachable', reason: 'no path to a gateway' }
