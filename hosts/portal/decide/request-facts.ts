import { Facts, type Fact } from '../../../core/contract/facts.ts'
import { frozenCopy } from '../../../core/plugin/frozen-copy.ts'
import type { KnownFacts } from '../../../core/policy/known-facts.ts'
import type { UnixTime } from '../../../core/runtime/time.ts'
import type { Client, SignInStatements, Token } from '../store/entities.ts'
import type { BroughtFacts } from './brought-facts.ts'
import { isVerified } from './device-standing.ts'
import type { FactAges } from './fact-ages.ts'
import { systemOf, versionOf } from './user-agent.ts'
import type { View } from './view.ts'

/** Knowledge from which facts are made. */
export interface FactBook {
  view: Pick<View, 'get' | 'groupsOf'>
  ages: Pick<FactAges, 'since'>
  brought: Pick<BroughtFacts, 'find'>
}

/** Client's place in the network, as its connection to the portal shows it. */
export interface Place {
  remoteIp: string
  userAgent: string
  /** Time since when the client has been at this address. */
  since: UnixTime
  /** Time since when it has had this user agent. */
  userAgentSince: UnixTime
  /** Time at which the place counts for nothing any more, as the client is not connected. */
  validUntil?: UnixTime
  /** Facts that the client says of its own machine, by name. */
  said?: ReadonlyMap<string, SaidFact>
}

/** Fact that a client says of its own machine, validated by the schema of the plugin that declares it. */
export interface SaidFact {
  value: unknown
  /** Value as JSON, to see whether it changes. */
  text: string
  since: UnixTime
  validUntil: UnixTime
}

/** Whom and what a request is about. */
export interface RequestSubject {
  actorId: string
  resourceId: string
  client?: Client | undefined
  /** Token in use. */
  token?: Token | undefined
  place?: Place | undefined
  /** Values to suppose, by the names of the facts; they override what is known. */
  supposed?: SupposedValues | undefined
  /** Time of the supposition. */
  at: UnixTime
}

export type SupposedValues = Readonly<Record<string, unknown>>

/** The facts of one request: each is made when it is first asked for. */
export class RequestFacts implements KnownFacts {
  readonly #book: FactBook
  readonly #subject: RequestSubject
  readonly #known = new Map<string, Fact<unknown> | undefined>()

  constructor(book: FactBook, subject: RequestSubject) {
    this.#book = book
    this.#subject = subject
  }

  get(name: string): Fact<unknown> | undefined {
    const known = this.#known.get(name)
    if (known !== undefined || this.#known.has(name)) return known
    const fact = this.#make(name)
    this.#known.set(name, fact)
    return fact
  }

  #make(name: string): Fact<unknown> | undefined {
    const { supposed, at } = this.#subject
    const value = supposed !== undefined && Object.hasOwn(supposed, name) ? supposed[name] : undefined
    if (value !== undefined) return Object.freeze({ value, source: 'question', since: at })
    const make = BUILT_IN.get(name)
    if (make === undefined)
      return saidFact(this.#subject.place, name) ?? this.#book.brought.find(name, (by) => this.get(by))
    const fact = make(this.#subject, this.#book)
    return fact === undefined ? undefined : Object.freeze(fact)
  }
}

type Made = Fact<unknown> | undefined

const said = (value: unknown, since: UnixTime, source = 'portal'): Made =>
  value === undefined || value === null || value === '' ? undefined : { value, source, since }

/** Makes a fact about the client's connection, which is known for minutes after the connection ended. */
const ofPlace =
  (read: (place: Place) => unknown, source: string, since: 'since' | 'userAgentSince') =>
  ({ place }: RequestSubject): Made => {
    const fact = place === undefined ? undefined : said(read(place), place[since], source)
    if (fact === undefined || place?.validUntil === undefined) return fact
    return { ...fact, validUntil: place.validUntil }
  }

const saidFact = (place: Place | undefined, name: string): Made => {
  const fact = place?.said?.get(name)
  if (fact === undefined) return undefined
  const { value, since, validUntil } = fact
  const ofPlaceUntil = place?.validUntil ?? validUntil
  return Object.freeze({
    value,
    source: 'client',
    since,
    validUntil: ofPlaceUntil < validUntil ? ofPlaceUntil : validUntil,
  })
}

const actorOf = ({ actorId }: RequestSubject, { view }: FactBook) => view.get('actors', actorId)
const resourceOf = ({ resourceId }: RequestSubject, { view }: FactBook) => view.get('resources', resourceId)
const signInOf = ({ token }: RequestSubject) => (token?.identityProviderId === null ? undefined : token)

/** Makes a fact from what the provider said at the sign-in by which the token was obtained. */
const ofSignIn =
  (read: (statements: SignInStatements) => unknown) =>
  (subject: RequestSubject): Made => {
    const token = signInOf(subject)
    return token?.signIn ? said(frozenCopy(read(token.signIn)), token.createdAt) : undefined
  }

const BUILT_IN: ReadonlyMap<string, (subject: RequestSubject, book: FactBook) => Made> = new Map(
  Object.entries<(subject: RequestSubject, book: FactBook) => Made>({
    [Facts.actor.id.name]: (subject, book) => {
      const actor = actorOf(subject, book)
      return actor && said(actor.id, actor.createdAt)
    },
    [Facts.actor.type.name]: (subject, book) => {
      const actor = actorOf(subject, book)
      return actor && said(actor.type, book.ages.since(actor, 'type'))
    },
    [Facts.actor.email.name]: (subject, book) => {
      const actor = actorOf(subject, book)
      return actor && said(actor.email, book.ages.since(actor, 'email'))
    },
    [Facts.actor.groups.name]: (subject, book) => {
      const actor = actorOf(subject, book)
      const groups = Object.freeze([...book.view.groupsOf(subject.actorId)].toSorted())
      return actor && said(groups, book.ages.since(actor, 'groups'))
    },
    [Facts.signIn.providerId.name]: (subject) => {
      const token = signInOf(subject)
      return token && said(token.identityProviderId, token.createdAt)
    },
    [Facts.signIn.providerType.name]: (subject, { view }) => {
      const token = signInOf(subject)
      return token && said(view.get('identity_providers', token.identityProviderId ?? '')?.type, token.createdAt)
    },
    [Facts.signIn.at.name]: (subject) => {
      const token = signInOf(subject)
      return token && said(token.createdAt, token.createdAt)
    },
    [Facts.signIn.authenticatedAt.name]: ofSignIn(({ authenticatedAt }) => authenticatedAt),
    [Facts.signIn.methods.name]: ofSignIn(({ methods }) => methods),
    [Facts.signIn.providerGroups.name]: ofSignIn(({ groups }) => groups),
    [Facts.signIn.claims.name]: ofSignIn(({ claims }) => claims),
    [Facts.device.id.name]: ({ client }) => client && said(client.id, client.createdAt),
    [Facts.device.isVerified.name]: ({ client }, { ages }) => {
      if (client === undefined) return undefined
      const [verified, proven] = [ages.since(client, 'verifiedAt'), ages.since(client, 'isProven')]
      return said(isVerified(client), verified > proven ? verified : proven)
    },
    [Facts.device.os.name]: ofPlace(({ userAgent }) => systemOf(userAgent).name, 'client', 'userAgentSince'),
    [Facts.device.osVersion.name]: ofPlace(({ userAgent }) => systemOf(userAgent).version, 'client', 'userAgentSince'),
    [Facts.device.version.name]: ofPlace(({ userAgent }) => versionOf(userAgent), 'client', 'userAgentSince'),
    [Facts.device.userAgent.name]: ofPlace(({ userAgent }) => userAgent, 'client', 'userAgentSince'),
    [Facts.client.address.name]: ofPlace(({ remoteIp }) => remoteIp, 'portal', 'since'),
    [Facts.resource.id.name]: (subject, book) => {
      const resource = resourceOf(subject, book)
      return resource && said(resource.id, resource.createdAt)
    },
    [Facts.resource.name.name]: (subject, book) => {
      const resource = resourceOf(subject, book)
      return resource && said(resource.name, book.ages.since(resource, 'name'))
    },
    [Facts.site.id.name]: (subject, book) => {
      const resource = resourceOf(subject, book)
      return resource && said(resource.siteId, book.ages.since(resource, 'siteId'))
    },
    [Facts.site.name.name]: (subject, book) => {
      const site = book.view.get('sites', resourceOf(subject, book)?.siteId ?? '')
      return site && said(site.name, book.ages.since(site, 'name'))
    },
  }),
)
