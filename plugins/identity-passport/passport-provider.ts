import {
  fittingStatements,
  OperatorError,
  type HttpClient,
  type Identity,
  type IdentityProvider,
  type Logger,
  type Random,
  type SecretFiles,
  type SignInReply,
  type SignInRequest,
  type SignInStep,
  type Startable,
} from 'portreeve'
import { equalSecrets } from 'portreeve/crypto'
import { withWhatItLacks } from './authorization-request.ts'
import type { Kept, StrategyConfig } from './config.ts'
import { Form } from './form.ts'
import { IdTokenVerifier, type IdTokenClaims } from './id-token.ts'
import { importStrategy, importVerify } from './load-strategy.ts'
import { oauthClientAround, oauthClientOf, objectIn, type Overheard } from './oauth-client.ts'
import { notedMembers } from './noted-members.ts'
import { authenticationIn, identityIn, memberIn, type PersonSources } from './profile-identity.ts'
import { detailOf, refusal, refusalOf, withoutIdentity, withoutSecrets, type Secrets } from './refusal.ts'
import { askService } from './service-http.ts'
import { standInRequest } from './stand-in-request.ts'
import { runStrategy, type Outcome, type Strategy, type StrategyClass } from './strategy.ts'
import { optionsWithSecrets } from './strategy-options.ts'
import { allowingPromises, profileAsIs } from './verify.ts'

export interface PassportParts {
  /** Key of the identity provider, for error texts and the log. */
  key: string
  /** Folder of the configuration file, where packages and paths are looked up. */
  folder: string
  random: Random
  http: HttpClient
  logger: Logger
  secretFiles: SecretFiles
}

/** Callbacks of accounts' providers for which a strategy is kept. */
const MAX_STRATEGIES = 500
/** Size of the strategy's session that fits, with the rest, into what a provider may keep. */
const MAX_SESSION_CHARACTERS = 1_700

type Session = Record<string, unknown>

/** Input of one call of the strategy. */
interface Run {
  url: URL
  /** Fields of a form that was answered. */
  fields?: Readonly<Record<string, string>>
  session: Session
  overheard?: Overheard
  /** PKCE verifier of the authorization request, if the strategy has none of its own. */
  verifier?: string | undefined
}

type Step = SignInStep<Kept>
type Request = SignInRequest<unknown>
type Reply = SignInReply<unknown, Kept>

/**
 * Identity provider that runs a strategy of Passport within the conversation of steps: request, redirect, form and session are stood in
 * for, and nothing is kept in memory between the steps. What a strategy for OAuth or OpenID Connect leaves out is done around it.
 */
export class PassportProvider implements IdentityProvider<unknown, Kept>, Startable {
  readonly #config: StrategyConfig
  readonly #parts: PassportParts
  readonly #form: Form | undefined
  readonly #strategies = new Map<string, Strategy>()
  #create: ((callbackUrl: string) => Strategy) | undefined
  #verifier: IdTokenVerifier | undefined
  #secrets: Secrets = new Set()

  constructor(config: StrategyConfig, parts: PassportParts) {
    this.#config = config
    this.#parts = parts
    this.#form = config.form === undefined ? undefined : new Form(config.form, parts.random)
  }

  /** Imports the strategy, reads the secrets, and constructs it once, so that a mistake stops the portal. */
  async start(): Promise<void> {
    const { key, folder, http, secretFiles } = this.#parts
    const { callback_option: callbackOption, verify: verifyPath, id_token: idToken } = this.#config
    const place = { key, folder }
    const Class: StrategyClass = await importStrategy(this.#config, place)
    const verify = verifyPath === undefined ? profileAsIs : allowingPromises(await importVerify(verifyPath, place))
    const { options, secrets } = await optionsWithSecrets(this.#config, { key, secretFiles })
    this.#secrets = secrets
    this.#create = (callbackUrl) =>
      options === undefined
        ? new Class(verify)
        : new Class({ ...structuredClone(options), [callbackOption]: callbackUrl }, verify)
    try {
      this.#create('https://portal.example.org/auth/callback/trial')
    } catch (error) {
      const about = `identity-passport: ${key}: the strategy does not take its options: ${detailOf(error, secrets)}.`
      // The error is no cause here: it may hold the options, and with them secrets.
      throw new OperatorError('PASSPORT_OPTIONS', about, 'Look at "options" and the documentation of the package.')
    }
    if (typeof idToken === 'object') {
      const clientId = options?.['clientID']
      this.#verifier = new IdTokenVerifier(idToken, { clientId: typeof clientId === 'string' ? clientId : '', http })
    }
  }

  async begin(request: Request): Promise<Step> {
    if (this.#form !== undefined) return this.#form.first()
    const { outcome, session } = await this.#run(request, { url: new URL(request.callbackUrl), session: {} })
    switch (outcome.type) {
      case 'redirect':
        return this.#redirect(request, { url: outcome.url, session })
      case 'success':
        return refused('asks_nothing', 'the strategy names somebody before anybody was asked')
      default:
        return this.#unfinished(outcome, this.#secrets)
    }
  }

  async proceed(reply: Reply): Promise<Step> {
    return this.#form === undefined ? this.#return(reply) : this.#answer(reply, this.#form)
  }

  /** Handles the answer to a page of the form. */
  async #answer(reply: Reply, form: Form): Promise<Step> {
    const read = form.read(reply.keep, reply.fields)
    if (read.page !== undefined) return read.page
    const { answer } = read
    if (!(await form.mayTry(answer, reply))) return refused('too_many_tries')
    const secrets = new Set([...this.#secrets, ...Object.values(answer)])
    const { outcome } = await this.#run(reply, { url: new URL(reply.callbackUrl), fields: answer, session: {} })
    if (outcome.type === 'fail') {
      const { key, logger } = this.#parts
      logger.info({ strategy: key, reason: messageIn(outcome.challenge, secrets) }, 'an answer to a form was wrong')
      return form.again(reply.keep, 'That is not right. Try again.')
    }
    if (outcome.type !== 'success') return this.#unfinished(outcome, secrets)
    if (!(await form.signsIn(read.form, answer, reply))) return refused('form_used')
    const sources = { profile: membersOf(outcome.user) }
    return this.#identify(reply.desk, sources, { at: reply.now, methods: form.methods })
  }

  /** Handles the return of the browser from the service. */
  async #return(reply: Reply): Promise<Step> {
    const { keep, callbackUrl } = reply
    // Behind a proxy the portal may see another host than the callback has: only the query is taken.
    const url = new URL(callbackUrl)
    url.search = new URL(reply.url).search
    const query = url.searchParams
    const wrong = wrongIn(query, keep, this.#config)
    if (wrong !== undefined) return wrong
    const overheard: Overheard = {}
    const session = objectIn(keep.session ?? '{}') ?? {}
    const secrets = new Set([...this.#secrets, ...['code', 'state'].map((name) => query.get(name) ?? '')])
    reply.desk.note({ text: 'The strategy reads the answer, and asks the service for the tokens and the profile.' })
    const ran = await this.#run(reply, { url, session: { ...session }, overheard, verifier: keep.verifier })
    for (const token of [overheard.accessToken, overheard.idToken, keep.verifier])
      if (token !== undefined) secrets.add(token)
    const { outcome } = ran
    if (outcome.type === 'redirect') {
      // An answer to an authorization request is its end: another one would go round in circles.
      if (keep.state !== undefined) return refused('response_invalid', 'the strategy begins again after an answer')
      return this.#redirect(reply, { url: outcome.url, session: ran.session })
    }
    if (outcome.type !== 'success') return this.#unfinished(outcome, secrets)
    try {
      return await this.#believe(reply, { profile: membersOf(outcome.user), overheard })
    } catch (error) {
      return { type: 'refused', refusal: refusalOf(error, secrets) }
    }
  }

  /** Verifies what the strategy does not, and asks for what it did not ask. */
  async #believe(
    { keep, now, signal, desk }: Reply,
    { profile, overheard }: { profile: PersonSources['profile']; overheard: Overheard },
  ): Promise<Step> {
    let idToken: IdTokenClaims | undefined
    if (this.#verifier !== undefined) {
      if (overheard.idToken === undefined || keep.nonce === undefined)
        return refused('id_token_missing', 'the service sent no ID token, or was not asked for one (scope openid)')
      desk.note({ text: 'Signature, issuer, audience, nonce and times of the ID token are checked.' })
      idToken = await this.#verifier.verify(overheard.idToken, { nonce: keep.nonce, now })
    }
    const userinfo = await this.#userinfo(overheard, { idToken, signal })
    const sources = {
      profile,
      ...(idToken === undefined ? {} : { idToken }),
      ...(userinfo === undefined ? {} : { userinfo }),
    }
    return this.#identify(desk, sources, idToken === undefined ? undefined : authenticationIn(idToken))
  }

  async #userinfo(
    { accessToken, userinfo }: Overheard,
    { idToken, signal }: { idToken: IdTokenClaims | undefined; signal: AbortSignal },
  ): Promise<PersonSources['userinfo']> {
    const { userinfo_url: url } = this.#config
    // An answer that the strategy asked for may be about anything, unless it is about the person of the ID token.
    if (url === undefined) return idToken !== undefined && userinfo?.['sub'] !== undefined ? userinfo : undefined
    if (accessToken === undefined) throw new Error('the service sent no access token to ask userinfo_url with')
    const headers = { accept: 'application/json', authorization: `Bearer ${accessToken}` }
    const { status, text } = await askService(this.#parts.http, { method: 'GET', url, headers, signal })
    const told = objectIn(text)
    if (status !== 200 || told === undefined)
      throw new Error(`userinfo_url answered with status ${status} and no JSON object`)
    return told
  }

  #identify(desk: Request['desk'], sources: PersonSources, authentication: Identity['authentication']): Step {
    desk.note({ text: 'The strategy reports a person.', claims: notedMembers(sources, this.#config) })
    const bare = identityIn(sources, this.#config)
    if (typeof bare === 'string') return { type: 'refused', refusal: withoutIdentity(bare) }
    const { groups: groupsName, claims: names } = this.#config.profile
    const found = memberIn(sources)
    const { leftOut, ...statements } = fittingStatements({
      groups: groupsName === undefined ? undefined : found(groupsName),
      claims: Object.fromEntries(names.map((name) => [name, found(name)])),
    })
    if (leftOut.length > 0) {
      const { key, logger } = this.#parts
      logger.warn({ strategy: key, leftOut }, 'groups or claims of a sign-in are too long, or none, and were left out')
    }
    return {
      type: 'identified',
      identity: { ...bare, ...statements, ...(authentication === undefined ? {} : { authentication }) },
    }
  }

  #redirect(
    { callbackUrl, chooseAccount = false }: Request,
    { url, session }: { url: string; session: Session },
  ): Step {
    if (!URL.canParse(url, callbackUrl)) return refused('provider_failed', 'the strategy redirects to no address')
    const request = withWhatItLacks(new URL(url, callbackUrl).href, {
      config: this.#config,
      newSecret: () => Buffer.from(this.#parts.random.bytes(32)).toString('base64url'),
      canProve: oauthClientOf(this.#strategyFor(callbackUrl)) !== undefined,
      chooseAccount,
    })
    if (!request.ok) return refused(request.code, request.detail)
    const text = JSON.stringify(session)
    if (text.length > MAX_SESSION_CHARACTERS)
      return refused(
        'keeps_too_much',
        `the strategy's session has ${text.length} characters, of ${MAX_SESSION_CHARACTERS}`,
      )
    return {
      type: 'redirect',
      url: request.url,
      keep: { ...request.keep, ...(text === '{}' ? {} : { session: text }) },
    }
  }

  async #run({ callbackUrl, signal }: Request, run: Run): Promise<{ outcome: Outcome; session: Session }> {
    const { url, fields, session, overheard = {}, verifier } = run
    const strategy = this.#strategyFor(callbackUrl)
    const client = oauthClientOf(strategy)
    const { http } = this.#parts
    const authMethod = this.#config.token_endpoint_auth_method
    const outcome = await runStrategy(strategy, {
      request: standInRequest({ url, session, ...(fields === undefined ? {} : { fields }) }),
      options: structuredClone(this.#config.authenticate),
      signal,
      standsFor: (failed) =>
        client === undefined
          ? {}
          : { _oauth2: oauthClientAround(client, { http, signal, verifier, authMethod, failed }, overheard) },
    })
    return { outcome, session }
  }

  #strategyFor(callbackUrl: string): Strategy {
    const known = this.#strategies.get(callbackUrl)
    if (known !== undefined) return known
    if (this.#create === undefined) throw new Error('the strategy was not started')
    if (this.#strategies.size >= MAX_STRATEGIES) this.#strategies.clear()
    const strategy = this.#create(callbackUrl)
    this.#strategies.set(callbackUrl, strategy)
    return strategy
  }

  /** Refuses after a report that is neither a success nor a redirect. */
  #unfinished(outcome: Outcome, secrets: Secrets): Step {
    switch (outcome.type) {
      case 'fail':
        return refused('access_denied', messageIn(outcome.challenge, secrets))
      case 'error':
        return { type: 'refused', refusal: refusalOf(outcome.error, secrets) }
      case 'redirect':
        return refused('provider_failed', 'the strategy redirects where a form was answered')
      default:
        return refused('strategy_passed', 'the strategy says that it is not for this request')
    }
  }
}

const refused = (...parts: Parameters<typeof refusal>): Step => ({ type: 'refused', refusal: refusal(...parts) })

/** Returns the refusal of an answer that does not belong to the request, or is none; undefined if it may be looked at. */
const wrongIn = (query: URLSearchParams, keep: Kept, { id_token: idToken }: StrategyConfig): Step | undefined => {
  const names = [...query.keys()]
  // RFC 6749 §3.1: parameters are not repeated. A strategy would be given a list.
  if (new Set(names).size !== names.length) return refused('response_invalid', 'a parameter of the answer is repeated')
  if (keep.state === undefined) return undefined
  if (!equalSecrets(query.get('state') ?? '', keep.state)) return refused('state_mismatch')
  const issuer = query.get('iss')
  if (typeof idToken === 'object' && issuer !== null && issuer !== idToken.issuer)
    return refused('issuer_mismatch', 'the answer names another issuer (RFC 9207)')
  if ((query.get('code') ?? '') === '' && !query.has('error'))
    return refused('response_invalid', 'the answer has neither a code nor an error')
  return undefined
}

const membersOf = (user: unknown): PersonSources['profile'] =>
  typeof user === 'object' && user !== null ? (user as PersonSources['profile']) : {}

const messageIn = (challenge: unknown, secrets: Secrets): string => {
  const { message } = (typeof challenge === 'object' && challenge !== null ? challenge : {}) as { message?: unknown }
  const text = typeof challenge === 'string' ? challenge : typeof message === 'string' ? message : ''
  return text === '' ? 'the strategy says no' : withoutSecrets(text, secrets)
}
