import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { equalSecrets } from '../../../core/crypto/equal-secrets.ts'
import { toHex } from '../../../core/crypto/text-encoding.ts'
import type { Random } from '../../../core/runtime/random.ts'
import { Secret } from '../../../core/runtime/secret.ts'
import { PAGE_HEADERS, signInPage, type SignInPage } from './sign-in-page.ts'

export interface SignInOptions {
  portalUrl: string
  /** Slug of the account. */
  account: string
  random: Random
  /**
   * Whether the browser is on another machine: it is then not redirected here, and its last page shows a token to
   * paste.
   */
  byPaste?: boolean
  /** Time after which the sign-in expires, in milliseconds; 10 minutes by default. */
  timeoutMs?: number
}

export type SignInEnd =
  | { type: 'signedIn'; token: Secret; actor: string | null; account: string | null }
  | { type: 'expired' }
  | { type: 'cancelled' }

const VALUE_BYTES = 32
const PATH = '/callback'
const DONE_PATH = '/signed-in'
/** Time for the browser to fetch the last page, after which the listener is closed. */
const LAST_PAGE_MS = 10_000
const TIMEOUT_MS = 10 * 60_000
const FRAGMENT = /^[A-Za-z0-9._-]{1,2048}$/

/**
 * Sign-in by a browser: a URL to open, and a loopback listener that the portal redirects the browser to (RFC 8252
 * §7.3). State and nonce are never stored. The token consists of the nonce and the redirect's fragment, so
 * the fragment that passes through the browser is worthless alone.
 */
export class SignIn {
  /** URL to open in a browser. */
  readonly url: string
  readonly ended: Promise<SignInEnd>
  readonly #state: string
  readonly #nonce: string
  /** Last page, once the sign-in has succeeded. */
  #signedIn: SignInPage | undefined
  #settle: (end: SignInEnd) => void = () => undefined

  private constructor(
    server: Server | undefined,
    { portalUrl, account, random, timeoutMs = TIMEOUT_MS }: SignInOptions,
  ) {
    this.#state = toHex(random.bytes(VALUE_BYTES))
    this.#nonce = toHex(random.bytes(VALUE_BYTES))
    const url = new URL(portalUrl.replace(/^ws/, 'http'))
    url.pathname = `${url.pathname.replace(/\/$/, '')}/${account}`
    url.search = new URLSearchParams({
      as: 'headless-client',
      nonce: this.#nonce,
      state: this.#state,
      ...(server === undefined ? {} : { callback: callbackOf(server) }),
    }).toString()
    this.url = url.href
    const timer = setTimeout(() => this.#settle({ type: 'expired' }), timeoutMs)
    this.ended = new Promise((resolve) => {
      this.#settle = (end) => {
        clearTimeout(timer)
        if (end.type === 'signedIn') this.#signedIn ??= lastPage(end)
        // The listener stays until the browser has fetched the last page.
        if (end.type === 'signedIn') setTimeout(() => server?.close(), LAST_PAGE_MS).unref()
        else server?.close()
        resolve(end)
      }
    })
  }

  static async begin(options: SignInOptions): Promise<SignIn> {
    if (options.byPaste === true) return new SignIn(undefined, options)
    const server = createServer({ maxHeaderSize: 16_384, requestTimeout: 10_000 })
    await new Promise<void>((resolve, reject) => {
      // The listener for errors stays, so that a later error in accepting a connection does not end the client.
      server.on('error', reject).listen(0, '127.0.0.1', resolve)
    })
    const signIn = new SignIn(server, options)
    server.on('request', (request, response) => {
      if (signIn.#signedIn !== undefined && request.method === 'GET' && request.url === DONE_PATH) {
        response.writeHead(200, PAGE_HEADERS).end(signInPage(signIn.#signedIn), () => server.close())
        return
      }
      const verdict = signIn.#judge(request.method, request.url ?? '')
      if (verdict.end === undefined) {
        const page = { title: 'You are not signed in', text: verdict.text }
        response.writeHead(verdict.status, PAGE_HEADERS).end(signInPage(page))
        return
      }
      // Redirected at once, so that the fragment stays neither in the address bar nor in the history.
      response.writeHead(303, { ...PAGE_HEADERS, location: DONE_PATH }).end()
      signIn.#settle(verdict.end)
    })
    return signIn
  }

  /**
   * Completes the sign-in with a text copied from a browser: the token of the last page, or the URL that the browser
   * was redirected to. A URL must contain this sign-in's state; a token of another sign-in is worthless, as it is
   * combined with this nonce. Returns a description of the problem; undefined if the text was accepted.
   */
  paste(text: string): string | undefined {
    const pasted = text.replace(/\s+/g, '')
    const address = URL.canParse(pasted) ? new URL(pasted) : undefined
    const values = address?.searchParams ?? new URLSearchParams({ state: this.#state, fragment: pasted })
    const verdict = this.#take(values)
    if (verdict.end === undefined) return verdict.text.trim()
    this.#settle(verdict.end)
    return undefined
  }

  cancel(): void {
    this.#settle({ type: 'cancelled' })
  }

  #judge(method: string | undefined, path: string): { status: number; text: string; end?: SignInEnd } {
    const url = URL.canParse(path, 'http://127.0.0.1') ? new URL(path, 'http://127.0.0.1') : undefined
    if (method !== 'GET' || url?.pathname !== PATH) return { status: 404, text: 'There is nothing at this address.' }
    return this.#take(url.searchParams)
  }

  #take(values: URLSearchParams): { status: number; text: string; end?: SignInEnd } {
    const state = values.get('state') ?? ''
    const fragment = values.get('fragment') ?? ''
    // S6: any page in the browser may request this URL, but only the portal's redirect has the state.
    if (!equalSecrets(state, this.#state))
      return { status: 400, text: 'This is not the sign-in that was begun here. Begin again from the client.' }
    if (!FRAGMENT.test(fragment))
      return { status: 400, text: 'The portal sent no usable token. Begin again from the client.' }
    return {
      status: 200,
      text: 'You are signed in. You may close this page.\n',
      end: {
        type: 'signedIn',
        token: new Secret(`${this.#nonce}${fragment}`),
        actor: values.get('actor_name'),
        account: values.get('account_slug'),
      },
    }
  }
}

const callbackOf = (server: Server): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}${PATH}`

const lastPage = ({ actor, account }: Extract<SignInEnd, { type: 'signedIn' }>): SignInPage => ({
  title: 'You are signed in',
  text: `The client on this machine goes on by itself${actor === null ? '' : ` as ${actor}`}${account === null ? '' : `, in the account ${account}`}. You may close this page.`,
})
