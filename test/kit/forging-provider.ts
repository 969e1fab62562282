import { createHmac, generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { LoopbackServer } from './loopback-server.ts'
import { OPENID_CLIENT } from './openid-provider.ts'

/** Lies that the hand-written provider can tell. */
export const FORGERIES = [
  'none',
  'a-forged-signature',
  'a-token-without-a-signature',
  'another-issuer',
  'another-audience',
  'another-nonce',
  'no-nonce',
  'another-state',
  'an-expired-token',
  'a-token-that-is-not-valid-yet',
  'a-symmetric-signature-with-the-public-key',
  'no-token',
  'a-document-of-another-issuer',
] as const
export type Forgery = (typeof FORGERIES)[number]

/** Parts of the provider's answers that a test replaces. */
export interface Sayings {
  /** Further members of the discovery document. */
  document?: object
  /** Claims of the ID token; undefined removes one. */
  claims?: Record<string, unknown>
  /** Answer of the userinfo endpoint; without it there is no such endpoint. */
  userinfo?: Answer
  /** Error that the browser is sent back with. */
  error?: { error: string; error_description?: string }
  /** Answer of the token endpoint. */
  token?: Answer
}

interface Answer {
  status?: number
  headers?: Record<string, string>
  body: unknown
}

interface SigningKey {
  id: string
  privateKey: KeyObject
  publicKey: KeyObject
}

/** An OpenID provider that signs everybody in as Ada at once, and lies as a test wants. */
export class ForgingProvider {
  forgery: Forgery = 'none'
  /** Answers that the test has replaced; empty for an honest provider. */
  says: Sayings = {}
  /** How the client has authenticated at the token endpoint, newest last. */
  readonly clients: ('basic' | 'post')[] = []
  readonly issuer: string
  readonly #server: LoopbackServer
  #key = newKey()
  #nonce = ''

  private constructor(server: LoopbackServer) {
    this.#server = server
    this.issuer = server.url
  }

  static async start(): Promise<ForgingProvider> {
    const answer: { by?: ForgingProvider } = {}
    const server = await LoopbackServer.start((request, response) => answer.by?.answer(request, response))
    answer.by = new ForgingProvider(server)
    return answer.by
  }

  rotateKey(): void {
    this.#key = newKey()
  }

  async stop(): Promise<void> {
    await this.#server.stop()
  }

  answer(request: IncomingMessage, response: ServerResponse): void {
    const { pathname, searchParams } = new URL(request.url ?? '/', this.issuer)
    switch (pathname) {
      case '/.well-known/openid-configuration':
        return json(response, this.#document())
      case '/jwks':
        return json(response, {
          keys: [{ ...this.#key.publicKey.export({ format: 'jwk' }), kid: this.#key.id, use: 'sig', alg: 'RS256' }],
        })
      case '/auth': {
        this.#nonce = searchParams.get('nonce') ?? ''
        const back = new URL(searchParams.get('redirect_uri') ?? '')
        for (const [name, value] of Object.entries(this.says.error ?? { code: 'a-code' }))
          back.searchParams.set(name, value)
        back.searchParams.set('state', this.forgery === 'another-state' ? 'x' : (searchParams.get('state') ?? ''))
        return void response.writeHead(302, { location: back.href }).end()
      }
      case '/userinfo':
        return tell(response, this.says.userinfo ?? { status: 404, body: {} })
      case '/token':
        this.clients.push(request.headers.authorization === undefined ? 'post' : 'basic')
        if (this.says.token !== undefined) return tell(response, this.says.token)
        return json(response, {
          access_token: 'an-access-token',
          token_type: 'Bearer',
          ...(this.forgery === 'no-token' ? {} : { id_token: this.#token() }),
        })
      default:
        return void response.writeHead(404).end()
    }
  }

  #document() {
    const issuer = this.forgery === 'a-document-of-another-issuer' ? 'http://other.example.org' : this.issuer
    return {
      issuer,
      authorization_endpoint: `${this.issuer}/auth`,
      token_endpoint: `${this.issuer}/token`,
      jwks_uri: `${this.issuer}/jwks`,
      response_types_supported: ['code'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256', 'HS256', 'none'],
      ...(this.says.userinfo === undefined ? {} : { userinfo_endpoint: `${this.issuer}/userinfo` }),
      ...this.says.document,
    }
  }

  #token(): string {
    const now = Math.floor(Date.now() / 1_000)
    const lie = this.forgery
    const claims = {
      iss: lie === 'another-issuer' ? 'http://other.example.org' : this.issuer,
      aud: lie === 'another-audience' ? 'somebody-else' : OPENID_CLIENT.id,
      sub: 'ada',
      email: 'ada@example.org',
      email_verified: true,
      iat: now,
      exp: lie === 'an-expired-token' ? now - 3_600 : now + 300,
      ...(lie === 'no-nonce' ? {} : { nonce: lie === 'another-nonce' ? 'x' : this.#nonce }),
      ...(lie === 'a-token-that-is-not-valid-yet' ? { nbf: now + 3_600 } : {}),
      ...this.says.claims,
    }
    if (lie === 'a-token-without-a-signature') return `${encoded({ alg: 'none' })}.${encoded(claims)}.`
    const body = `${encoded({ alg: 'RS256', kid: this.#key.id })}.${encoded(claims)}`
    if (lie === 'a-symmetric-signature-with-the-public-key') {
      const hmacBody = `${encoded({ alg: 'HS256', kid: this.#key.id })}.${encoded(claims)}`
      const pem = this.#key.publicKey.export({ format: 'pem', type: 'spki' })
      return `${hmacBody}.${createHmac('sha256', pem).update(hmacBody).digest('base64url')}`
    }
    // Another key under the right name: an attacker between portal and provider could sign with that.
    const key = lie === 'a-forged-signature' ? newKey(this.#key.id) : this.#key
    return `${body}.${sign('sha256', Buffer.from(body), key.privateKey).toString('base64url')}`
  }
}

let keys = 0
const newKey = (id = `key-${keys++}`): SigningKey => ({
  id,
  ...generateKeyPairSync('rsa', { modulusLength: 2048 }),
})

const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

const tell = (response: ServerResponse, { status = 200, headers = {}, body }: Answer): void => {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
}

const json = (response: ServerResponse, value: unknown): void => {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value))
}
