import { z } from 'zod'
import type { PeerEnd } from '../../../core/config/host-config.ts'
import { OperatorError } from '../../../core/config/operator-error.ts'
import type { Random } from '../../../core/runtime/random.ts'
import type { SecretStore } from '../../../core/runtime/secret-store.ts'
import type { Secret } from '../../../core/runtime/secret.ts'
import { needTokenFile } from '../../runtime/token-file.ts'
import type { NameInspection } from '../names/name-inspection.ts'
import type { ClientStatus } from './client-status.ts'
import { openClientSocket } from './control-socket.ts'
import type { Revocations } from './revocations.ts'
import type { RunningClient } from './running-client.ts'
import { SignIn } from './sign-in.ts'

/** Outcome of a sign-out. */
export interface SignedOut {
  /** Whether the portal has revoked the token. */
  revoked: boolean
  /** Why it has not, though it should; it is asked again. */
  problem: string | null
}

export interface ClientSessionOptions {
  /** Portal and account to sign in to, file with the token of a service account, and path of the control socket. */
  config: {
    portal_url: string
    account?: string | undefined
    token_file?: string | undefined
    socket: string
  }
  /** Token of the environment, which takes precedence over files. */
  token: Secret | undefined
  random: Random
  /** Store for the token of a sign-in. */
  secrets: SecretStore
  /** Revokes tokens of sign-ins that have ended here. */
  revocations: Revocations
  /** Checks, before a sign-in, that a client can run on this machine; rejects if not. */
  prepare?: () => Promise<void>
  /** Called once the control socket is open, before a sign-in. */
  ready?: () => void
  /** Starts a client with a token. */
  start: (token: Secret) => Promise<RunningClient>
  /** Shows a message to people. */
  tell: (text: string) => void
}

/**
 * Process of `portreeve client up`, signed in or not, with its control socket; while signed in it runs the client
 * proper (`startClient`). A token of the environment or of a
 * configured file belongs to a service account: if the portal refuses it, the process ends. The token of a sign-in is
 * kept in the secret store until sign-out or refusal, and the process then waits for the next sign-in.
 */
export class ClientSession {
  readonly #options: ClientSessionOptions
  #running: RunningClient | undefined
  #signIn: SignIn | undefined
  #token: Secret | undefined
  /** Resolves once the client that runs has stopped. */
  #stopped: Promise<void> | undefined
  #isStopping = false
  #changed: () => void = () => undefined

  constructor(options: ClientSessionOptions) {
    this.#options = options
  }

  /** Runs until it is stopped or the portal ends it, and returns the reason. */
  async run(): Promise<PeerEnd> {
    const { config, token } = this.#options
    const given = token ?? (config.token_file === undefined ? undefined : await needTokenFile(config.token_file))
    this.#token = given ?? (await this.#options.secrets.read(TOKEN_NAME))
    if (this.#token === undefined && config.account === undefined) {
      return {
        reason: 'signed_out',
        detail: 'there is no token: set PORTREEVE_TOKEN, token_file, or the account to sign in to',
      }
    }
    const control = await openClientSocket(config.socket, {
      status: () => Promise.resolve(this.status()),
      down: () => Promise.resolve(this.stop()),
      'sign-in': (input) => this.#beginSignIn(input),
      'sign-in-paste': (input) => this.#takePasted(input),
      'sign-out': () => this.#signOut(given !== undefined),
      'dns-query': (input) => this.#inspectName(input),
      'want-access': (input) => this.#wantAccess(input),
    })
    // A sign-out before this start may have had no portal to revoke the token.
    void this.#options.revocations.revokeAll()
    try {
      await this.#options.prepare?.()
      this.#options.ready?.()
      return await this.#loop(given !== undefined)
    } finally {
      this.#signIn?.cancel()
      this.#options.revocations.stop()
      await control.close()
    }
  }

  status(): ClientStatus {
    return this.#running?.status() ?? SIGNED_OUT
  }

  stop(): void {
    this.#isStopping = true
    this.#changed()
  }

  async #loop(isService: boolean): Promise<PeerEnd> {
    for (;;) {
      if (this.#isStopping) return { reason: 'stopped' }
      const token = this.#token
      const changed = new Promise<'changed'>((resolve) => {
        this.#changed = () => resolve('changed')
      })
      if (token === undefined) {
        this.#options.tell('Signed out. To sign in: portreeve client sign-in')
        await changed
        continue
      }
      let hasStopped = (): void => undefined
      this.#stopped = new Promise((resolve) => (hasStopped = resolve))
      const running = await this.#options.start(token)
      this.#running = running
      try {
        const end = await Promise.race([changed, running.ended])
        if (end === 'changed') continue
        if (isService || end.reason !== 'signed_out') return end
        await this.#forget()
        this.#options.tell('The sign-in is over: it has expired, or it was ended at the portal.')
      } finally {
        this.#running = undefined
        await running.stop()
        hasStopped()
      }
    }
  }

  async #inspectName(input: unknown): Promise<NameInspection> {
    const question = NameQuestion.safeParse(input)
    if (!question.success) throw new OperatorError('BAD_REQUEST', 'expected a name and a type.')
    if (this.#running === undefined)
      throw new OperatorError('SIGNED_OUT', 'the client is signed out: it answers no names.')
    return this.#running.inspectName(question.data)
  }

  async #wantAccess(input: unknown): Promise<null> {
    const wanted = Wanted.safeParse(input)
    if (!wanted.success) throw new OperatorError('BAD_REQUEST', 'expected the id of a resource.')
    if (this.#running === undefined) throw new OperatorError('SIGNED_OUT', 'the client is signed out.')
    this.#running.wantAccess(wanted.data.resource_id)
    return null
  }

  async #beginSignIn(input: unknown): Promise<{ url: string }> {
    const { by_paste: byPaste = false } = SignInQuestion.safeParse(input ?? {}).data ?? {}
    const { config, random } = this.#options
    if (this.#token !== undefined) {
      throw new OperatorError('SIGNED_IN', 'this client is signed in.', 'Sign out first: portreeve client sign-out')
    }
    if (config.account === undefined) {
      throw new OperatorError('ACCOUNT_MISSING', 'the configuration names no account to sign in to.', 'Set `account`.')
    }
    this.#signIn?.cancel()
    const signIn = await SignIn.begin({ portalUrl: config.portal_url, account: config.account, random, byPaste })
    this.#signIn = signIn
    void this.#takeToken(signIn)
    return { url: signIn.url }
  }

  async #takePasted(input: unknown): Promise<null> {
    const pasted = Pasted.safeParse(input)
    if (!pasted.success) throw new OperatorError('BAD_REQUEST', 'expected a text.')
    if (this.#signIn === undefined) {
      throw new OperatorError('NO_SIGN_IN', 'no sign-in is under way.', 'Begin one: portreeve client sign-in --paste')
    }
    const problem = this.#signIn.paste(pasted.data.text)
    if (problem !== undefined) throw new OperatorError('PASTE_REFUSED', problem)
    await this.#signIn.ended
    return null
  }

  async #takeToken(signIn: SignIn): Promise<void> {
    const end = await signIn.ended
    if (end.type !== 'signedIn') return
    await this.#options.secrets.write(TOKEN_NAME, end.token)
    this.#token = end.token
    this.#changed()
  }

  /**
   * Ends a sign-in, here and then at the portal. The token of a service stays valid: it is the administrator's.
   */
  async #signOut(isService: boolean): Promise<SignedOut> {
    const [token, stopped] = [this.#token, this.#stopped]
    if (token !== undefined && !isService) await this.#options.revocations.add(token)
    await this.#forget()
    if (isService) this.#isStopping = true
    this.#changed()
    if (isService) return { revoked: false, problem: null }
    // The tunnel must not carry the request: its own gateway is about to leave.
    await stopped
    const problem = await this.#options.revocations.revokeAll()
    return { revoked: problem === undefined, problem: problem ?? null }
  }

  async #forget(): Promise<void> {
    this.#token = undefined
    await this.#options.secrets.remove(TOKEN_NAME)
  }
}

const SignInQuestion = z.strictObject({ by_paste: z.boolean().optional() })
const Pasted = z.strictObject({ text: z.string().max(8192) })
const Wanted = z.strictObject({ resource_id: z.string().max(64) })
const NameQuestion = z.strictObject({ name: z.string().max(1024), type: z.string().max(16) })

/** Name of the token in the secret store. */
const TOKEN_NAME = 'token'

const SIGNED_OUT: ClientStatus = {
  at: null,
  state: 'signed_out',
  account: null,
  actor: null,
  portal: null,
  device_key: null,
  transport: null,
  problems: [],
  lane: null,
  lane_reason: null,
  reach: null,
  gateways: [],
  resources: [],
  names: [],
  dns: { upstreams: [], problems: [] },
  facts: [],
  plugin_metrics: [],
  dropped: {},
}
