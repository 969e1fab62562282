/** What of a browser matters to a sign-in: cookies by origin and redirects one at a time. */
export class Browser {
  readonly #jars = new Map<string, Map<string, string>>()

  /** One request; redirects are not followed. */
  async send(
    url: string,
    init: { method?: string; form?: Record<string, string>; headers?: Record<string, string> } = {},
  ): Promise<Response> {
    const { origin } = new URL(url)
    const jar = this.#jar(origin)
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
    const response = await fetch(url, {
      method: init.method ?? (init.form === undefined ? 'GET' : 'POST'),
      redirect: 'manual',
      headers: { ...init.headers, ...(cookie === '' ? {} : { cookie }) },
      ...(init.form === undefined ? {} : { body: new URLSearchParams(init.form) }),
    })
    for (const line of response.headers.getSetCookie()) keep(jar, line)
    return response
  }

  /** The cookies of an origin, as a header would have them; for tests that copy or look at them. */
  cookies(origin: string): ReadonlyMap<string, string> {
    return this.#jar(origin)
  }

  /**
   * Follows redirects from `url`, fills in the provider's login form where it comes to one, and stops before the first address for
   * which `until` holds, which it returns.
   */
  async follow(url: string, { until, login }: { until: (url: string) => boolean; login: string }): Promise<string> {
    let at = url
    for (let hops = 0; hops < 20; hops++) {
      if (until(at)) return at
      const response = await this.accept(await this.send(at))
      const location =
        response.headers.get('location') ??
        refreshOf(await response.clone().text()) ??
        (await this.send(at, { form: { login } })).headers.get('location')
      if (location === null)
        throw new Error(`${at} leads nowhere: ${response.status} ${(await response.text()).slice(0, 500)}`)
      at = new URL(location, at).href
    }
    throw new Error(`too many redirects from ${url}`)
  }

  /** Says yes where a page asks whether a client is to be signed in, and returns what comes then; any other answer as it is. */
  async accept(response: Response): Promise<Response> {
    const page = await response.clone().text()
    const action = /<form method="post" action="([^"]*\/sign_in\/approve)"/.exec(page)?.[1]
    if (action === undefined) return response
    const signIn = /name="sign_in" value="([^"]*)"/.exec(page)?.[1] ?? ''
    return this.send(new URL(action, response.url).href, { form: { sign_in: signIn } })
  }

  #jar(origin: string): Map<string, string> {
    const jar = this.#jars.get(origin) ?? new Map<string, string>()
    this.#jars.set(origin, jar)
    return jar
  }
}

/** Address that a page leads to by itself. */
const refreshOf = (page: string): string | null =>
  /http-equiv="refresh"[^>]*url=([^"]+)"/i.exec(page)?.[1]?.replaceAll('&amp;', '&') ?? null

const keep = (jar: Map<string, string>, line: string): void => {
  const [pair = '', ...attributes] = line.split(';')
  const [name = '', ...value] = pair.split('=')
  const gone = attributes.some((attribute) => /^\s*(max-age=0|expires=Thu, 01 Jan 1970)/i.test(attribute))
  if (gone) jar.delete(name.trim())
  else jar.set(name.trim(), value.join('='))
}
