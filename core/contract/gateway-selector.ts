/**
 * Chooses the gateway that serves a client: a pure function of the candidates (and of an injected random source).
 *
 * The portal asks a selector only if the client has no connected healthy gateway of the site. All candidates are
 * healthy, of the right site and compatible with the client. If the selector throws, answers with a promise, takes too
 * long or names a gateway that is no candidate, the portal chooses one of the candidates at random.
 */
export interface GatewaySelector<Settings = unknown, Known = object, OfCandidate = object> {
  // A property, as the compiler compares parameters of methods both ways and would accept an implementation for other
  // settings.
  readonly select: (question: SelectionQuestion<Settings, Known, OfCandidate>) => Selection
}

/** Client and resource that a gateway is chosen for, and the gateways to choose from. */
export interface SelectionQuestion<Settings = unknown, Known = object, OfCandidate = object> {
  readonly settings: Settings
  /** Facts of the request, by the names in the plugin's `facts`; unknown ones are undefined. */
  readonly facts: Unsure<Known>
  /** Gateways to choose from: frozen copies, at least one, in no particular order. */
  readonly candidates: readonly [GatewayCandidate<OfCandidate>, ...GatewayCandidate<OfCandidate>[]]
  readonly clientId: string
  readonly resourceId: string
}

/** Gateway that may be chosen. */
export interface GatewayCandidate<OfCandidate = object> {
  readonly id: string
  readonly name: string
  /** Facts of this gateway, by the names in the plugin's `candidateFacts`; unknown ones are undefined. */
  readonly facts: Unsure<OfCandidate>
}

/** Facts by name, any of which may be unknown, and undefined then. */
export type Unsure<Known> = { readonly [Name in keyof Known]: Known[Name] | undefined }

/** Answer of a selector. */
export interface Selection {
  /** Id of one of the candidates. */
  gatewayId: string
  /** Reason for the choice, shown to admins: a clause that completes "chosen because it is". */
  reason: string
}
