import { Browser } from './browser.ts'
import { isCallback } from './openid-provider.ts'
import type { PortalFixture } from './portal-fixture.ts'

/** A portal that an admin signs in to, and a way to have an emergency code made for her. */
export type VisitedPortal = Pick<PortalFixture, 'url'> & {
  account: { slug: string }
  admin: { id: string }
  makeEmergencyCode: (admin: { adminId: string }) => Promise<{ code: string }>
}

/** An admin's browser without scripts, signed in by an emergency code. */
export class AdminVisitor {
  readonly browser = new Browser()
  #csrf = ''

  private constructor(
    private readonly portal: VisitedPortal,
    readonly base: string,
  ) {}

  static async signIn(portal: VisitedPortal, adminId = portal.admin.id): Promise<AdminVisitor> {
    const { slug } = portal.account
    const visitor = new AdminVisitor(portal, `${portal.url}/${slug}/admin`)
    const { code } = await portal.makeEmergencyCode({ adminId })
    const signedIn = await visitor.browser.send(`${portal.url}/${slug}/sign_in/emergency`, { form: { code } })
    if (signedIn.status !== 302) throw new Error(`the emergency code was refused: ${await signedIn.text()}`)
    return visitor
  }

  /** Signs in as `login` at an OpenID provider that links `login@example.org`. */
  static async signInBy(portal: PortalFixture, provider: { id: string }, login: string): Promise<AdminVisitor> {
    const { slug } = portal.account
    const visitor = new AdminVisitor(portal, `${portal.url}/${slug}/admin`)
    const start = `${portal.url}/${slug}/sign_in/oidc/${provider.id}`
    const callback = await visitor.browser.follow(start, { until: isCallback, login })
    const signedIn = await visitor.browser.send(callback)
    if (signedIn.status !== 302) throw new Error(`${login} was refused: ${await signedIn.text()}`)
    return visitor
  }

  /** Opens a page below the account's `/admin`. */
  async open(path: string): Promise<{ status: number; text: string; headers: Headers }> {
    const response = await this.browser.send(`${this.base}${path}`)
    const text = await response.text()
    this.#csrf = /name="csrf" value="([^"]*)"/.exec(text)?.[1] ?? this.#csrf
    return { status: response.status, text, headers: response.headers }
  }

  /** Opens the stream of a page; returns a function that reads on until a text comes, and returns all that has come. */
  async openStream(path: string): Promise<(until: string) => Promise<string>> {
    const page = encodeURIComponent(new URL(`${this.base}${path}`).pathname)
    const { body } = await this.browser.send(`${this.base}/stream?page=${page}`)
    const reader = body?.pipeThrough(new TextDecoderStream()).getReader()
    let text = ''
    return async (until) => {
      while (!text.includes(until)) {
        const part = await reader?.read()
        if (part === undefined || part.done) throw new Error(`the stream ended: ${text}`)
        text += part.value
      }
      return text
    }
  }

  /** Sends a form of the page that was opened last; a field may have several values. */
  async send(
    path: string,
    fields: Readonly<Record<string, string | readonly string[]>>,
  ): Promise<{ status: number; text: string; location: string | null }> {
    const form = new URLSearchParams({ csrf: this.#csrf })
    for (const [name, value] of Object.entries(fields)) {
      for (const each of typeof value === 'string' ? [value] : value) form.append(name, each)
    }
    const response = await this.browser.send(`${this.base}${path}`, { method: 'POST', body: form })
    const location = response.headers.get('location')
    return {
      status: response.status,
      text: await response.text(),
      location: location === null ? null : new URL(location, this.portal.url).pathname,
    }
  }
}

/** Returns the value of a hidden field in a page. */
export const hidden = (page: string, name: string): string =>
  new RegExp(`name="${name}" value="([^"]*)"`).exec(page)?.[1]?.replaceAll('&quot;', '"') ?? ''
