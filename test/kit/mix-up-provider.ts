import type { IncomingMessage, ServerResponse } from 'node:http'
import { LoopbackServer } from './loopback-server.ts'

/** Honest provider that a mix-up provider sends browsers to, and the request it sends them with. */
export interface MixUp {
  /** Authorization endpoint of the honest provider, and the client's id there. */
  authorizationUrl: string
  clientId: string
  /** Redirect URI that the honest provider sends the browser back to. */
  redirectUri: string
  /** Further members of the hostile provider's discovery document. */
  document?: object
}

/**
 * A hostile OpenID provider (RFC 9700 §4.4). It redirects the browser to an honest provider, with the state of the
 * hostile one's own sign-in, and waits at its token endpoint for the honest one's code.
 */
export class MixUpProvider {
  readonly issuer: string
  /** Authorization codes that its token endpoint has received. */
  readonly codes: string[] = []
  mixUp: MixUp | undefined
  readonly #server: LoopbackServer

  private constructor(server: LoopbackServer) {
    this.#server = server
    this.issuer = server.url
  }

  static async start(): Promise<MixUpProvider> {
    const answer: { by?: MixUpProvider } = {}
    const server = await LoopbackServer.start((request, response) => void answer.by?.answer(request, response))
    answer.by = new MixUpProvider(server)
    return answer.by
  }

  async stop(): Promise<void> {
    await this.#server.stop()
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', this.issuer)
    const { authorizationUrl = '', clientId = '', redirectUri = '', document = {} } = this.mixUp ?? {}
    const at = (path: string): string => `${this.issuer}${path}`
    switch (pathname) {
      case '/.well-known/openid-configuration':
        return json(response, {
          issuer: this.issuer,
          authorization_endpoint: at('/auth'),
          token_endpoint: at('/token'),
          jwks_uri: at('/jwks'),
          response_types_supported: ['code'],
          subject_types_supported: ['public'],
          id_token_signing_alg_values_supported: ['RS256'],
          ...document,
        })
      case '/auth': {
        const onward = new URL(authorizationUrl)
        onward.search = searchParams.toString()
        onward.searchParams.set('client_id', clientId)
        onward.searchParams.set('redirect_uri', redirectUri)
        return void response.writeHead(302, { location: onward.href }).end()
      }
      default: {
        let body = ''
        for await (const chunk of request) body += String(chunk)
        const code = new URLSearchParams(body).get('code')
        if (code !== null) this.codes.push(code)
        return void response.writeHead(400).end()
      }
    }
  }
}

const json = (response: ServerResponse, value: unknown): void => {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value))
}
