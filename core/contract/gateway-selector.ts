/**
 * Which gateway serves a client: a pure function of its candidates (and of the injected random source).
 *
 * The portal asks it only when the client has no connected healthy gateway of the site. All candidates are healthy, of the right
 * site and compatible. A selector that throws, answers with a promise, takes too long or names somebody else is replaced by a uniformly random choice.
 */
export interface GatewaySelector<Settings = unknown, Known = object, OfCandidate = object> {
  // A property of function type: methods are compared both ways, and let an implementation for other settings through.
  readonly select: (question: SelectionQuestion<Settings, Known, OfCandidate>) => Selection
}

export interface SelectionQuestion<Settings = unknown, Known = object, OfCandidate = object> {
  readonly settings: Settings
  /** The declared facts of the request, by the names under which they were declared; unknown ones are undefined. */
  readonly facts: Unsure<Known>
  /** Frozen copies; never empty, in no particular order. */
  readonly candidates: readonly [GatewayCandidate<OfCandidate>, ...GatewayCandidate<OfCandidate>[]]
  readonly clientId: string
  readonly resourceId: string
}

export interface GatewayCandidate<OfCandidate = object> {
  readonly id: string
  readonly name: string
  /** The facts of this gateway that were declared as `candidateFacts`; unknown ones are undefined. */
  readonly facts: Unsure<OfCandidate>
}

/** Facts of which any may be unknown. */
export type Unsure<Known> = { readonly [Name in keyof Known]: Known[Name] | undefined }

export interface Selection {
  gatewayId: string
  /** For `explain`: a clause that completes "chosen because it is". */
  reason: string
}
