import { generateKeyPairSync, type JsonWebKey } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Provider } from 'oidc-provider'
import type { Browser } from './browser.ts'
import { LoopbackServer } from './loopback-server.ts'
import type { PortalFixture } from './portal-fixture.ts'

export const OPENID_CLIENT = { id: 'portreeve', secret: 'a-secret-of-the-tests-only' }

export interface OpenidProviderOptions {
  /** Redirect URIs that it accepts; `register` adds more. */
  redirectUris?: readonly string[]
}

/**
 * The unmodified `oidc-provider` package on loopback. Its login page is a form at `/interaction/…` that asks for the
 * name only: posting `login=ada` signs Ada in; `login=` declines.
 */
export class OpenidProvider {
  readonly issuer: string
  readonly #server: LoopbackServer
  readonly #redirectUris: Set<string>

  private constructor(server: LoopbackServer, redirectUris: Set<string>) {
    this.#server = server
    this.#redirectUris = redirectUris
    this.issuer = server.url
  }

  static async start({ redirectUris = [] }: OpenidProviderOptions = {}): Promise<OpenidProvider> {
    const answer: { with?: (request: IncomingMessage, response: ServerResponse) => void } = {}
    const server = await LoopbackServer.start((request, response) => answer.with?.(request, response))
    const registered = new Set(redirectUris)
    const provider = new Provider(server.url, {
      clients: [{ client_id: OPENID_CLIENT.id, client_secret: OPENID_CLIENT.secret, redirect_uris: [UNUSED] }],
      claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'groups'] },
      pkce: { required: () => true },
      jwks: { keys: [signingKey()] },
      cookies: { keys: ['cookie-key-of-the-tests-only'] },
      features: { devInteractions: { enabled: false } },
      interactions: { url: (_context, interaction) => `/interaction/${interaction.uid}` },
      findAccount: (_context, id) => ({ accountId: id, claims: () => claimsOf(id) }),
    })
    // The package lets an embedder replace its rule: here the redirect URIs registered so far are compared exactly.
    provider.Client.prototype.redirectUriAllowed = (uri: string) => registered.has(uri)
    provider.Client.prototype.postLogoutRedirectUriAllowed = (uri: string) => registered.has(uri)
    const callback = provider.callback()
    answer.with = (request, response) => {
      const work =
        request.url?.startsWith('/interaction/') === true
          ? interact(provider, request, response)
          : callback(request, response)
      work.catch((error: unknown) => response.writeHead(500).end(String(error)))
    }
    return new OpenidProvider(server, registered)
  }

  /** Accepts one more redirect URI, after a sign-in and after a sign-out. */
  register(redirectUri: string): void {
    this.#redirectUris.add(redirectUri)
  }

  /**
   * Adds this provider to a portal's account, with further fields of the request body, and registers the redirect URI
   * that the portal names, and the page after a sign-out.
   */
  async addTo(portal: Pick<PortalFixture, 'create'>, more: object = {}): Promise<AddedProvider> {
    const { id: client_id, secret: client_secret } = OPENID_CLIENT
    const added = (await portal.create('/identity_providers', {
      name: 'Example ID',
      type: 'oidc',
      settings: { issuer: this.issuer, client_id, client_secret, allow_http: true },
      ...more,
    })) as AddedProvider
    this.register(added.callback_url)
    this.register(new URL('/example/sign_in/providers', added.callback_url).href)
    return added
  }

  async stop(): Promise<void> {
    await this.#server.stop()
  }
}

/**
 * Confirms a sign-out on the provider's page at `url`. Returns the URL that the provider sends the browser back to.
 */
export const confirmSignOut = async (browser: Browser, url: string): Promise<string> => {
  const page = await (await browser.send(url)).text()
  const action = /<form [^>]*action="([^"]*)"/.exec(page)?.[1]
  const xsrf = /name="xsrf" value="([^"]*)"/.exec(page)?.[1]
  if (action === undefined || xsrf === undefined) throw new Error(`the provider asks nothing: ${page.slice(0, 500)}`)
  const answer = await browser.send(new URL(action, url).href, { form: { xsrf, logout: 'yes' } })
  return answer.headers.get('location') ?? ''
}

/** An identity provider as the API shows it. */
export interface AddedProvider {
  id: string
  callback_url: string
}

/** Whether a URL is the portal's callback with a provider's answer. */
export const isCallback = (url: string): boolean => /\/auth\/(?:callback\/[\w-]+|oidc\/callback)\?/.test(url)

/** Redirect URI at registration: the package demands one. */
const UNUSED = 'http://127.0.0.1:9/unused'

const claimsOf = (id: string) => ({
  sub: id,
  name: `${id.slice(0, 1).toUpperCase()}${id.slice(1)} Example`,
  email: `${id}@example.org`,
  email_verified: id !== 'unverified',
  groups: ['staff', `${id}s`],
})

const signingKey = (): JsonWebKey & { use: string } => ({
  ...generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' }),
  use: 'sig',
})

const interact = async (provider: Provider, request: IncomingMessage, response: ServerResponse): Promise<void> => {
  if (request.method !== 'POST') {
    response
      .writeHead(200, { 'content-type': 'text/html' })
      .end('<form method="post"><input name="login"><button>Sign in</button></form>')
    return
  }
  const { prompt, params, grantId } = await provider.interactionDetails(request, response)
  const login = new URLSearchParams(await bodyOf(request)).get('login') ?? ''
  if (login === '') {
    await provider.interactionFinished(
      request,
      response,
      { error: 'access_denied' },
      { mergeWithLastSubmission: false },
    )
    return
  }
  if (prompt.name === 'login') {
    await provider.interactionFinished(
      request,
      response,
      { login: { accountId: login, amr: ['pwd'] } },
      { mergeWithLastSubmission: false },
    )
    return
  }
  const grant =
    grantId === undefined
      ? new provider.Grant({ accountId: login, clientId: String(params['client_id']) })
      : await provider.Grant.find(grantId)
  grant?.addOIDCScope('openid email profile')
  await provider.interactionFinished(
    request,
    response,
    { consent: { grantId: await grant?.save() } },
    { mergeWithLastSubmission: true },
  )
}

const bodyOf = async (request: IncomingMessage): Promise<string> => {
  let body = ''
  for await (const chunk of request) body += String(chunk)
  return body
}
