import type { DeclaredFacts } from '../contract/extension-point.ts'
import { Facts, type Fact } from '../contract/facts.ts'

/** Facts that the portal knows about a request for access, as stored and shown. An absent one is unknown. */
export interface KnownFacts {
  /** Address of the client as the portal sees it: canonical text, without a port. */
  remoteIp?: string
  /** Id of the identity provider by which the token in use was obtained. Unknown for tokens that an admin created. */
  identityProviderId?: string
  /** Whether an admin has vouched for the device. */
  clientVerified?: boolean
}

export type FactName = keyof KnownFacts

/** Facts of a request for one plugin. */
export interface FactsForPlugin {
  /** Stored names of all facts that the plugin declares. */
  reads: readonly FactName[]
  /** Values of declared facts that are known, by their stored names. */
  known: KnownFacts
  /** Known facts by the plugin's own names, frozen, to be passed to the plugin. */
  given: Readonly<Record<string, Fact<unknown>>>
  /** Name of a declared fact that is unknown but not optional; undefined if there is none. */
  unknown: FactName | undefined
}

/**
 * Picks the facts that a plugin declares.
 * @throws TypeError for a token that names no fact of a request
 */
export const factsFor = (declared: DeclaredFacts, facts: KnownFacts): FactsForPlugin => {
  const reads: FactName[] = []
  const known: Record<string, unknown> = {}
  const given: Record<string, Fact<unknown>> = {}
  let unknown: FactName | undefined
  for (const [as, token] of Object.entries(declared)) {
    const name = NAMES.get(token.name)
    if (name === undefined) throw new TypeError(`there is no fact ${token.name}`)
    reads.push(name)
    const value = facts[name]
    if (value === undefined) {
      if (!token.isOptional) unknown ??= name
    } else {
      known[name] = value
      given[as] = Object.freeze({ value })
    }
  }
  return { reads, known, given: Object.freeze(given), unknown }
}

const NAMES: ReadonlyMap<string, FactName> = new Map([
  [Facts.client.address.name, 'remoteIp'],
  [Facts.signIn.providerId.name, 'identityProviderId'],
  [Facts.device.isVerified.name, 'clientVerified'],
])
