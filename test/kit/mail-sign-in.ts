import type { Browser } from './browser.ts'
import { codeIn, type MailSink } from './mail-sink.ts'

export interface MailSignIn {
  browser: Browser
  sink: MailSink
  /** URL at which the provider's sign-in starts, with its query. */
  url: string
  email: string
}

/** Requests a code by mail, for an address that an actor has, and returns a function that redeems it. */
export const askForMailedCode = async ({ browser, sink, url, email }: MailSignIn): Promise<() => Promise<Response>> => {
  const before = sink.mails.length
  const { origin, pathname } = new URL(url)
  const post = async (page: string, form: Record<string, string>): Promise<Response> =>
    browser.send(`${origin}${pathname}`, { form: { sign_in: fieldOf(page, 'sign_in'), ...form } })
  const first = await (await browser.send(url)).text()
  const second = await (await post(first, { email })).text()
  const code = codeIn(await sink.mail(before))
  return async () => post(second, { code })
}

/** Value of a hidden form field of a page. */
export const fieldOf = (page: string, name: string): string =>
  new RegExp(`name="${name}" value="([^"]*)"`).exec(page)?.[1] ?? ''
