/** The parts of a browser that a sign-in needs: cookies by origin, and redirects followed one at a time. */
export class Browser {
  readonly #jars = new Map<string, Map<string, string>>()

  /** Sends one request with the origin's cookies; does not follow redirects. */
  async send(
    url: string,
    init: {
      method?: string
      form?: Record<string, string>
      /** Form whose fields may occur several times. */
      body?: URLSearchParams
      headers?: Record<string, string>
    } = {},
  ): Promise<Response> {
    const { origin } = new URL(url)
    const jar = this.#jar(origin)
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
    const response = await fetch(url, {
      method: init.method ?? (init.form === undefined ? 'GET' : 'POST'),
      redirect: 'manual',
      headers: { ...init.headers, ...(cookie === '' ? {} : { cookie }) },
      ...(init.form === undefined ? {} : { body: new URLSearchParams(init.form) }),
      ...(init.body === undefined ? {} : { body: init.body }),
    })
    for (const line of response.headers.getSetCookie()) keep(jar, line)
    return response
  }

  /** Cookies of an origin by name, for tests that copy or inspect them. */
  cookies(origin: string): ReadonlyMap<string, string> {
    return this.#jar(origin)
  }

  /**
   * Follows redirects from `url` and fills in the provider's login form where there is one. Stops before the first
   * address for which `until` holds, and returns that address.
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

  /**
   * Consents on the page that asks whether to sign a client in, and returns the response that follows; returns any
   * other response unchanged.
   */
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

/** Target of a page's meta refresh, or null without one. */
const refreshOf = (page: string): string | null =>
  /http-equiv="refresh"[^>]*url=([^"]+)"/i.exec(page)?.[1]?.replaceAll('&amp;', '&') ?? null

const keep = (jar: Map<string, string>, line: string): void => {
  const [pair = '', ...attributes] = line.split(';')
  const [name = '', ...value] = pair.split('=')
  const gone = attributes.some((attribute) => /^\s*(max-age=0|expires=Thu, 01 Jan 1970)/i.test(attribute))
  if (gone) jar.delete(name.trim())
  else jar.set(name.trim(), value.join('='))
}
