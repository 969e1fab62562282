// Simulates a person at a browser: follows redirects, keeps cookies and fills in forms. Stops at a URL that is not http
// (which a browser would pass to the client application), or at a page with neither redirect nor form.
import { setTimeout as pause } from 'node:timers/promises'
import { readInput } from './stdin.ts'

interface Input {
  url: string
  /** Values to enter into form fields, by field name. */
  answers: Record<string, string>
  /** URL of the person's mailbox, from which a field `code` is filled in if `answers` does not have it. */
  mailbox?: string
}

/** Requests made by the browser, and where they ended. */
export interface Journey {
  /** Requests as `GET 302 http://…`, without the query, which has secrets. */
  hops: string[]
  /** URL of the last page, or the URL that is not http. */
  final: string
  /** HTML of the last page; empty if `final` is not http. */
  page: string
}

interface Page {
  url: URL
  status: number
  location: string | null
  html: string
}

const HOPS = 40
const { url, answers, mailbox } = await readInput<Input>()
const jar = new Map<string, Map<string, string>>()
const hops: string[] = []

const visit = async (to: URL, form?: URLSearchParams): Promise<Page> => {
  const cookies = jar.get(to.host) ?? new Map<string, string>()
  const response = await fetch(to, {
    method: form === undefined ? 'GET' : 'POST',
    redirect: 'manual',
    ...(form === undefined ? {} : { body: form }),
    headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; '), accept: 'text/html' },
    signal: AbortSignal.timeout(10_000),
  })
  for (const cookie of response.headers.getSetCookie()) {
    const [pair = ''] = cookie.split(';')
    const name = pair.slice(0, pair.indexOf('='))
    if (/;\s*(max-age=0|expires=Thu, 01 Jan 1970)/i.test(cookie)) cookies.delete(name)
    else cookies.set(name, pair.slice(name.length + 1))
  }
  jar.set(to.host, cookies)
  hops.push(`${form === undefined ? 'GET' : 'POST'} ${response.status} ${to.origin}${to.pathname}`)
  return { url: to, status: response.status, location: response.headers.get('location'), html: await response.text() }
}

/** Fills in the first form of a page with its hidden fields and the person's answers. */
const fillIn = async ({ url: at, html }: Page): Promise<{ to: URL; form: URLSearchParams } | undefined> => {
  const [, attributes = '', inside = ''] = /<form([^>]*)>([\s\S]*?)<\/form>/i.exec(html) ?? []
  if (inside === '') return undefined
  const form = new URLSearchParams()
  for (const [input] of inside.matchAll(/<input[^>]*>/gi)) {
    const name = attribute(input, 'name')
    if (name === undefined) continue
    const read = name === 'code' && mailbox !== undefined ? await codeFrom(mailbox) : undefined
    form.set(name, answers[name] ?? read ?? attribute(input, 'value') ?? '')
  }
  return { to: new URL(attribute(attributes, 'action') ?? '', at), form }
}

/** Returns the code in the latest mail, as written there: with a space in the middle. */
const codeFrom = async (address: string): Promise<string> => {
  for (let attempt = 0; attempt < 50; attempt++) {
    const letter = await fetch(address, { signal: AbortSignal.timeout(10_000) })
    const code = /^ {4}(\w{3} \w{3})\s*$/m.exec(await letter.text())?.[1]
    if (code !== undefined) return code
    await pause(100)
  }
  throw new Error('no mail with a code came')
}

const attribute = (text: string, name: string): string | undefined =>
  new RegExp(`\\b${name}="([^"]*)"`, 'i').exec(text)?.[1]?.replaceAll('&amp;', '&')

/** Returns the URL that a page sends the browser to without a click, by a redirect or a refresh, if any. */
const next = ({ location, html }: Page): string | undefined =>
  location ?? /http-equiv="refresh"[^>]*url=([^"]+)"/i.exec(html)?.[1]?.replaceAll('&amp;', '&')

const arrive = (journey: Omit<Journey, 'hops'>): void =>
  void process.stdout.write(`${JSON.stringify({ hops, ...journey } satisfies Journey)}\n`)

let page = await visit(new URL(url))
for (;;) {
  if (hops.length > HOPS) throw new Error(`no end of it:\n${hops.join('\n')}`)
  const to = next(page)
  const filled = to === undefined ? await fillIn(page) : undefined
  if (to !== undefined) {
    const target = new URL(to, page.url)
    if (!target.protocol.startsWith('http')) {
      arrive({ final: target.href, page: '' })
      break
    }
    page = await visit(target)
  } else if (filled !== undefined) {
    page = await visit(filled.to, filled.form)
  } else {
    if (page.status >= 400) throw new Error(`${page.url.pathname} (${page.status}): ${page.html.slice(0, 2_000)}`)
    arrive({ final: page.url.href, page: page.html })
    break
  }
}
