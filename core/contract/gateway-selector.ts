import { extensionPoint } from '../plugin/extension-point.ts'

/**
 * Which gateway serves a client: a pure function of its candidates (and of the injected random source).
 *
 * The portal asks it only when the client has no connected healthy gateway of the site. All candidates are healthy, of the right
 * site and compatible. A selector that throws, answers with a promise, takes too long or names somebody else is replaced by a uniformly random choice.
 */
export interface GatewaySelector<Settings = unknown> {
  // A method, not a member of function type: so an implementation for its own settings fits where they are unknown.
  select(question: SelectionQuestion<Settings>): Selection
}

export interface SelectionQuestion<Settings = unknown> {
  settings: Settings
  /** Frozen copies; never empty, in no particular order. */
  candidates: readonly [GatewayCandidate, ...GatewayCandidate[]]
  clientId: string
  resourceId: string
}

export interface GatewayCandidate {
  id: string
  name: string
  version: string
  /** How many clients hold an authorization on it. */
  connectedClients: number
}

export interface Selection {
  gatewayId: string
  /** For `explain`: a clause that completes "chosen because it is". */
  reason: string
}

export const GatewaySelectors = extensionPoint<GatewaySelector>('gateway-selectors')
