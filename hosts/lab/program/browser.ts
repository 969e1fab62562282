// A person at a browser: follows redirects, keeps cookies, fills in the forms that it is shown, and stops where an address is
// none of a web server's: a browser would hand that one to the client application.
import { readInput } from './stdin.ts'

interface Input {
  url: string
  /** What the person writes into a form's fields, by their names. */
  answers: Record<string, string>
}

/** Where it went and where it ended. */
export interface Journey {
  /** `GET 302 http://…`, without the query: it has secrets. */
  hops: string[]
  /** The address that is not http. */
  final: string
}

interface Page {
  url: URL
  status: number
  location: string | null
  html: string
}

const HOPS = 40
const { url, answers } = await readInput<Input>()
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

/** The first form of a page, with its hidden fields and the person's answers. */
const fillIn = ({ url: at, html, status }: Page): { to: URL; form: URLSearchParams } => {
  const [, attributes = '', inside = ''] = /<form([^>]*)>([\s\S]*?)<\/form>/i.exec(html) ?? []
  if (inside === '') throw new Error(`${at.origin}${at.pathname} (${status}) has no form:\n${html.slice(0, 2000)}`)
  const form = new URLSearchParams()
  for (const [input] of inside.matchAll(/<input[^>]*>/gi)) {
    const name = attribute(input, 'name')
    if (name !== undefined) form.set(name, answers[name] ?? attribute(input, 'value') ?? '')
  }
  return { to: new URL(attribute(attributes, 'action') ?? '', at), form }
}

const attribute = (text: string, name: string): string | undefined =>
  new RegExp(`\\b${name}="([^"]*)"`, 'i').exec(text)?.[1]?.replaceAll('&amp;', '&')

/** A page may send the browser on by itself: the portal's last one does. */
const next = ({ location, html }: Page): string | undefined =>
  location ?? /http-equiv="refresh"[^>]*url=([^"]+)"/i.exec(html)?.[1]?.replaceAll('&amp;', '&')

let page = await visit(new URL(url))
for (;;) {
  if (hops.length > HOPS) throw new Error(`no end of it:\n${hops.join('\n')}`)
  const to = next(page)
  if (to !== undefined) {
    const target = new URL(to, page.url)
    if (!target.protocol.startsWith('http')) {
      const journey: Journey = { hops, final: target.href }
      process.stdout.write(`${JSON.stringify(journey)}\n`)
      break
    }
    page = await visit(target)
  } else {
    const { to: action, form } = fillIn(page)
    page = await visit(action, form)
  }
}
