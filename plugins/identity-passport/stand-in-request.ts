/** Parts of a request that stands in for a browser's. */
export interface RequestParts {
  /** URL that the browser came back to, with its query. */
  url: URL
  /** Fields of the form; absent for a redirect. */
  fields?: Readonly<Record<string, string>>
  /** Session of the strategy, which it changes. */
  session: Record<string, unknown>
}

/**
 * Makes a request as far as strategies look at one: method, address, query, body and session, as Express has them. There is neither a
 * response nor a cookie, and no header of the browser: nothing but what the sign-in itself is about.
 */
export const standInRequest = ({ url, fields, session }: RequestParts): object => {
  const headers: Record<string, string> = { host: url.host }
  const header = (name: string): string | undefined => headers[name.toLowerCase()]
  const path = `${url.pathname}${url.search}`
  const socket = { encrypted: url.protocol === 'https:' }
  return {
    method: fields === undefined ? 'GET' : 'POST',
    url: path,
    originalUrl: path,
    path: url.pathname,
    query: Object.fromEntries(url.searchParams),
    body: { ...fields },
    params: {},
    cookies: {},
    headers,
    header,
    get: header,
    protocol: url.protocol.slice(0, -1),
    secure: socket.encrypted,
    host: url.host,
    hostname: url.hostname,
    socket,
    connection: socket,
    session,
  }
}
