import { isIP } from 'node:net'
import { OperatorError } from '../../core/config/operator-error.ts'
import { parseAddress } from '../../core/net/ip-address.ts'
import { prefixContains } from '../../core/net/prefix.ts'
import { Secret } from '../../core/runtime/secret.ts'
import { failure } from './failure.ts'
import { parseNetwork } from './permitted-addresses.ts'

/** Environment variables of a process. */
export type Environment = Readonly<Record<string, string | undefined>>

/** HTTP proxy that passes connections on by CONNECT (RFC 9110 §9.3.6). */
export interface Proxy {
  host: string
  port: number
  /** Whether the connection to the proxy itself is secured. */
  tls: boolean
  /** Value of the Proxy-Authorization header; undefined if the proxy's URL has no credentials. */
  authorization: Secret | undefined
  /** URL of the proxy without credentials, for logs and error texts. */
  shown: string
}

export interface Target {
  /** Whether the connection is for https: or wss:. */
  tls: boolean
  /** Host name or IP address, without brackets. */
  host: string
  port: number
}

/**
 * Returns the proxy that the environment names for a target, by HTTPS_PROXY or HTTP_PROXY, and NO_PROXY, each in either
 * case of spelling; the lower case takes precedence. This machine itself is never reached by a proxy. Throws with the
 * code PROXY_INVALID if the variable's value is no URL of an HTTP proxy.
 */
export const proxyFor = (target: Target, environment: Environment = process.env): Proxy | undefined => {
  const { name, value } = setting(target.tls ? 'https_proxy' : 'http_proxy', environment)
  if (value === '' || isExempt(target, setting('no_proxy', environment).value)) return undefined
  const proxy = parseProxy(value)
  if (proxy === undefined) throw failure('PROXY_INVALID', `${name} is no URL of an HTTP proxy`)
  return proxy
}

/**
 * Checks the proxies of the environment when a host starts.
 * @throws OperatorError PROXY_INVALID
 */
export const checkProxies = (environment: Environment = process.env): void => {
  for (const variable of ['https_proxy', 'http_proxy']) {
    const { name, value } = setting(variable, environment)
    if (value === '' || parseProxy(value) !== undefined) continue
    // The value may have a password, so it is not shown.
    throw new OperatorError(
      'PROXY_INVALID',
      `the environment variable ${name} is no URL of an HTTP proxy.`,
      'Write http://proxy.example.org:3128, with user:password@ before the host if it wants credentials; SOCKS is not supported.',
    )
  }
}

const setting = (lower: string, environment: Environment): { name: string; value: string } => {
  const upper = lower.toUpperCase()
  const name = (environment[lower] ?? '') === '' ? upper : lower
  return { name, value: (environment[name] ?? '').trim() }
}

const parseProxy = (text: string): Proxy | undefined => {
  const full = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`
  if (!URL.canParse(full)) return undefined
  const { protocol, hostname, port, username, password } = new URL(full)
  if ((protocol !== 'http:' && protocol !== 'https:') || hostname === '') return undefined
  const tls = protocol === 'https:'
  const given = port === '' ? (tls ? 443 : 80) : Number(port)
  return {
    host: hostname.replace(/^\[(.*)\]$/, '$1'),
    port: given,
    tls,
    authorization: username === '' && password === '' ? undefined : basic(username, password),
    shown: `${protocol}//${hostname}:${given}`,
  }
}

/** Returns credentials as RFC 7617 §2 writes them. Malformed percent signs of a URL are taken as they are. */
const basic = (username: string, password: string): Secret => {
  const plain = [username, password].map((part) => {
    try {
      return decodeURIComponent(part)
    } catch {
      return part
    }
  })
  return new Secret(`Basic ${Buffer.from(plain.join(':')).toString('base64')}`)
}

/**
 * Whether a target is reached without a proxy: this machine, or one that an entry of NO_PROXY names. An entry is `*`, a
 * name (which stands for all names below it, too), an address or a CIDR, each with a port or without.
 */
const isExempt = ({ host, port }: Target, noProxy: string): boolean => {
  const name = host.toLowerCase().replace(/\.$/, '')
  if (name === 'localhost' || name.endsWith('.localhost')) return true
  const address = parseAddress(name)
  if (address !== undefined && LOOPBACK.some((range) => prefixContains(range, address))) return true
  return noProxy
    .toLowerCase()
    .split(/[\s,]+/)
    .some((entry) => {
      if (entry === '' || entry === '*') return entry === '*'
      const { of, only } = splitPort(entry)
      if (only !== undefined && only !== port) return false
      const range = parseNetwork(of)
      if (range !== undefined) return address !== undefined && prefixContains(range, address)
      const domain = of.replace(/^\*?\./, '').replace(/\.$/, '')
      return isIP(name) === 0 && domain !== '' && (name === domain || name.endsWith(`.${domain}`))
    })
}

const LOOPBACK = ['127.0.0.0/8', '::1/128'].flatMap((text) => parseNetwork(text) ?? [])

const splitPort = (entry: string): { of: string; only: number | undefined } => {
  const [, bracketed, bracketedPort] = /^\[([^\]]+)\](?::(\d+))?$/.exec(entry) ?? []
  if (bracketed !== undefined) return { of: bracketed, only: numberOf(bracketedPort) }
  const [, name, port] = /^([^:]+):(\d+)$/.exec(entry) ?? []
  return name === undefined ? { of: entry, only: undefined } : { of: name, only: numberOf(port) }
}

const numberOf = (text: string | undefined): number | undefined => (text === undefined ? undefined : Number(text))
