import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { equalSecrets } from '../../../core/crypto/equal-secrets.ts'
import { toHex } from '../../../core/crypto/text-encoding.ts'
import type { Random } from '../../../core/runtime/random.ts'
import { Secret } from '../../../core/runtime/secret.ts'
import { PAGE_HEADERS, signInPage, type SignInPage } from './sign-in-page.ts'

export interface SignInOptions {
  portalUrl: string
  /** The account's slug. */
  account: string
  random: Random
  /** The browser is on another machine: it is not sent back here, and its last page shows what to paste. */
  byPaste?: boolean
  /** The page that is left open is of no use after it; 10 minutes by default. */
  timeoutMs?: number
}

export type SignInEnd =
  | { type: 'signedIn'; token: Secret; actor: string | null; account: string | null }
  | { type: 'expired' }
  | { type: 'cancelled' }

const VALUE_BYTES = 32
const PATH = '/callback'
const DONE_PATH = '/signed-in'
/** How long the last page waits for the browser that is sent there. */
const LAST_PAGE_MS = 10_000
const TIMEOUT_MS = 10 * 60_000
const FRAGMENT = /^[A-Za-z0-9._-]{1,2048}$/

/**
 * One sign-in by a browser on this machine: an address to open, and a loopback listener that the portal redirects back to
 * (RFC 8252 §7.3). State and nonce live here only. The token is the nonce and the redirect's fragment: what passes through the
 * browser alone is of no use.
 */
export class SignIn {
  /** What to open in a browser. */
  readonly url: string
  readonly ended: Promise<SignInEnd>
  readonly #state: string
  readonly #nonce: string
  /** What the last page says, once there is one. */
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
        // The browser still has to fetch its last page.
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
      // It stays: a connection that cannot be accepted later on ends no client, and the browser says so.
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
      // Elsewhere at once: what was in the address must be neither in the address bar nor in the history.
      response.writeHead(303, { ...PAGE_HEADERS, location: DONE_PATH }).end()
      signIn.#settle(verdict.end)
    })
    return signIn
  }

  /**
   * Takes what a person copied from a browser: the token that the last page shows, or the whole address that the browser was sent to. An
   * address has to carry our state; a token of another sign-in is worthless here, as our nonce goes before it. Says what is wrong with it.
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
    // S6: any page that the browser shows may call this address; only ours knows the state.
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
