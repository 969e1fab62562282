import { isIP } from 'node:net'
import { resolve } from 'node:path'
import { OperatorError } from '../../core/config/operator-error.ts'
import { Secret } from '../../core/runtime/secret.ts'
import { readSecretFile } from '../runtime/secret-file.ts'
import type { Questions } from './setup-questions.ts'

/** Options of `portreeve setup`, as commander gives them. */
export interface SetupOptions {
  publicUrl?: string
  account?: string
  adminEmail?: string
  signIn?: string
  smtpHost?: string
  smtpPort?: string
  smtpTls?: string
  smtpUser?: string
  smtpPasswordFile?: string
  mailFrom?: string
  issuer?: string
  clientId?: string
  clientSecretFile?: string
  tls?: string
  certificate?: string
  key?: string
  proxy?: string
  listen?: string
  databaseUrlFile?: string
  site?: string
  resource?: string
  configFolder: string
  stateFolder: string
}

/** Way in which people sign in. */
export type SignIn =
  | { kind: 'later' }
  | {
      kind: 'email'
      host: string
      port: number
      tls: 'always' | 'starttls' | 'never'
      user: string | undefined
      password: Secret | undefined
      from: string
    }
  | { kind: 'oidc'; issuer: string; clientId: string; secret: Secret | undefined }

/** Way in which the portal is reached with TLS. */
export type Tls =
  | { kind: 'files'; certificate: string; key: string }
  | { kind: 'proxy'; proxies: string[] }
  | { kind: 'none' }

/** PostgreSQL that the portal is to use. */
export interface GivenPostgres {
  host: string
  port: number
  user: string
  database: string
  tls: boolean
  password: Secret | undefined
}

/** First resource: a name, an address or a network, and the TCP port of it, if only one is meant. */
export interface FirstResource {
  type: 'dns' | 'ip' | 'cidr'
  address: string
  port: string | undefined
}

/** Everything that `portreeve setup` needs to know. */
export interface SetupAnswers {
  publicUrl: URL
  account: string
  adminEmail: string
  signIn: SignIn
  tls: Tls
  listen: { host: string; port: number }
  /** PostgreSQL; undefined for the embedded database. */
  postgres: GivenPostgres | undefined
  site: string
  /** First resource, which the admin may use; undefined for none. */
  resource: FirstResource | undefined
}

/**
 * Collects the answers, from the options or at the terminal.
 * @throws OperatorError USAGE for an answer that is none, SETUP_MISSING for those that nobody gives
 */
export const collectAnswers = async (options: SetupOptions, questions: Questions): Promise<SetupAnswers> => {
  const publicUrl = await questions.answer({
    flag: '--public-url',
    given: options.publicUrl,
    text: 'Public name of the portal, at which browsers, clients and gateways reach it',
    read: urlOf,
  })
  const adminEmail = await questions.answer({
    flag: '--admin-email',
    given: options.adminEmail,
    text: 'E-mail address of the first admin',
    read: (text) => {
      if (/^[^\s@]+@[^\s@]+$/.test(text)) return text
      throw new Error('this is no e-mail address.')
    },
  })
  const account = await questions.answer({
    flag: '--account',
    given: options.account,
    text: 'Short name of the account, a part of its address',
    fallback: accountOf(adminEmail),
    read: (text) => {
      if (/^[a-z0-9][a-z0-9_-]{1,62}$/.test(text)) return text
      throw new Error('use 2 to 63 lower-case letters, digits, - and _.')
    },
  })
  const tls = await tlsOf(options, publicUrl, questions)
  const listen = await questions.answer({
    flag: '--listen',
    given: options.listen,
    text: 'Address and port on which it listens',
    fallback: listenFor(tls, publicUrl),
    read: endpointOf,
  })
  const signIn = await signInOf(options, { adminEmail, questions })
  const postgres = options.databaseUrlFile === undefined ? undefined : await postgresOf(options.databaseUrlFile)
  const site = await questions.answer({
    flag: '--site',
    given: options.site,
    text: 'Name of the first site, where a gateway will be',
    fallback: 'Main site',
    read: (text) => text,
  })
  const resource = await questions.answer({
    flag: '--resource',
    given: options.resource,
    text: 'First resource there, for you to reach: a name, address or network, with :PORT or without; - for none',
    fallback: '-',
    read: resourceOf,
  })
  questions.finish()
  if (publicUrl === undefined || account === undefined || adminEmail === undefined || tls === undefined)
    throw unanswered()
  if (listen === undefined || signIn === undefined || site === undefined) throw unanswered()
  return { publicUrl, account, adminEmail, signIn, tls, listen, postgres, site, resource: resource ?? undefined }
}

/** Returns the error of an answer that is missing though it was not noted: a bug. */
const unanswered = (): Error => new Error('a question of the set-up has no answer')

const urlOf = (text: string): URL => {
  const written = /^https?:\/\//.test(text) ? text : `https://${text}`
  if (text === '' || !URL.canParse(written)) throw new Error('this is no name: write portal.example.org.')
  const url = new URL(written)
  if (url.pathname !== '/' || url.search !== '' || url.username !== '')
    throw new Error('leave out what is behind the name.')
  return url
}

/** Returns a short name for an account by the domain of an address: `example` for example.org. */
const accountOf = (email: string | undefined): string => {
  const [name = ''] = (email ?? '').replace(/^.*@/, '').toLowerCase().split('.')
  return /^[a-z0-9][a-z0-9_-]{1,62}$/.test(name) ? name : 'main'
}

const isLoopback = ({ hostname }: URL): boolean => /^(?:localhost|127\.[\d.]+|\[::1\])$/.test(hostname)

const oneOf =
  <T extends string>(...all: readonly T[]) =>
  (text: string): T => {
    const found = all.find((each) => each === text)
    if (found !== undefined) return found
    throw new Error(`answer with one of ${all.join(', ')}.`)
  }

const file = (text: string): string => {
  if (text === '') throw new Error('a file is needed.')
  return resolve(text)
}

const tlsOf = async (
  { tls, certificate, key, proxy }: SetupOptions,
  publicUrl: URL | undefined,
  questions: Questions,
): Promise<Tls | undefined> => {
  const isPlain = publicUrl?.protocol === 'http:'
  const kind = await questions.answer({
    flag: '--tls',
    given: tls,
    text: 'TLS: files (a certificate that this machine has), proxy (a reverse proxy does it), none (this machine only)',
    fallback: isPlain ? 'none' : certificate === undefined ? undefined : 'files',
    read: (text) => {
      const chosen = oneOf('files', 'proxy', 'none')(text)
      if (chosen === 'none' && publicUrl !== undefined && !isLoopback(publicUrl)) {
        throw new Error(
          'without TLS others read tokens on the way: that is for a name of this machine only, http://127.0.0.1:8080.',
        )
      }
      if (chosen !== 'none' && isPlain)
        throw new Error('the public name begins with http: write https://, or take none.')
      return chosen
    },
  })
  if (kind === 'files') {
    const text = 'Certificate file (PEM, with the intermediate ones)'
    const chain = await questions.answer({ flag: '--certificate', given: certificate, text, read: file })
    const own = await questions.answer({ flag: '--key', given: key, text: 'Its key file (PEM)', read: file })
    return chain === undefined || own === undefined ? undefined : { kind, certificate: chain, key: own }
  }
  if (kind === 'proxy') {
    const proxies = await questions.answer({
      flag: '--proxy',
      given: proxy,
      text: 'Address of the proxy, as the portal sees it',
      fallback: '127.0.0.1,::1',
      read: (text) => text.split(',').map((each) => each.trim()),
    })
    return proxies === undefined ? undefined : { kind, proxies }
  }
  return kind === undefined ? undefined : { kind }
}

const listenFor = (tls: Tls | undefined, publicUrl: URL | undefined): string => {
  if (tls?.kind === 'files') return `[::]:${publicUrl?.port === '' ? 443 : (publicUrl?.port ?? 443)}`
  const own = tls?.kind === 'none' && publicUrl?.port !== '' ? publicUrl?.port : undefined
  return `127.0.0.1:${own ?? 8080}`
}

const endpointOf = (text: string): { host: string; port: number } => {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(text) ?? []
  const host = bracketed ?? plain ?? ''
  const port = Number(digits)
  if (isIP(host) !== 0 && port >= 1 && port <= 65_535) return { host, port }
  throw new Error('write an address and a port: 127.0.0.1:8080, or [::]:443.')
}

const signInOf = async (
  options: SetupOptions,
  { adminEmail, questions }: { adminEmail: string | undefined; questions: Questions },
): Promise<SignIn | undefined> => {
  const kind = await questions.answer({
    flag: '--sign-in',
    given: options.signIn,
    text: 'How people sign in: email (a code by mail), oidc (an OpenID provider), later',
    read: oneOf('email', 'oidc', 'later'),
  })
  if (kind === 'email') return mailOf(options, { adminEmail, questions })
  if (kind !== 'oidc') return kind === undefined ? undefined : { kind }
  const text = 'Issuer of the provider (its URL)'
  const issuer = await questions.answer({ flag: '--issuer', given: options.issuer, text, read: issuerOf })
  const clientId = await questions.answer({
    flag: '--client-id',
    given: options.clientId,
    text: 'Client id that the provider has given',
    read: needed,
  })
  const secret = await questions.secret('--client-secret-file', options.clientSecretFile, {
    text: 'Client secret; empty for a public client',
    isOptional: true,
  })
  return issuer === undefined || clientId === undefined ? undefined : { kind, issuer, clientId, secret }
}

const mailOf = async (
  options: SetupOptions,
  { adminEmail, questions }: { adminEmail: string | undefined; questions: Questions },
): Promise<SignIn | undefined> => {
  const text = 'Mail server (SMTP)'
  const host = await questions.answer({ flag: '--smtp-host', given: options.smtpHost, text, read: needed })
  const port = await questions.answer({
    flag: '--smtp-port',
    given: options.smtpPort,
    text: 'Its port',
    fallback: '587',
    read: (said) => {
      const number = Number(said)
      if (Number.isInteger(number) && number >= 1 && number <= 65_535) return number
      throw new Error('this is no port.')
    },
  })
  const tls = await questions.answer({
    flag: '--smtp-tls',
    given: options.smtpTls,
    text: 'TLS there: starttls, always (port 465), never',
    fallback: port === 465 ? 'always' : 'starttls',
    read: oneOf('starttls', 'always', 'never'),
  })
  const user = await questions.answer({
    flag: '--smtp-user',
    given: options.smtpUser,
    text: 'User name there; - for none',
    fallback: '-',
    read: (said) => (said === '-' ? null : said),
  })
  const password =
    user === null || user === undefined
      ? undefined
      : await questions.secret('--smtp-password-file', options.smtpPasswordFile, {
          text: 'Password there',
          isOptional: false,
        })
  const from = await questions.answer({
    flag: '--mail-from',
    given: options.mailFrom,
    text: 'Sender of the mails',
    fallback: adminEmail === undefined ? undefined : `Portreeve <portreeve@${adminEmail.replace(/^.*@/, '')}>`,
    read: needed,
  })
  if (host === undefined || port === undefined || tls === undefined || from === undefined) return undefined
  return { kind: 'email', host, port, tls, user: user ?? undefined, password, from }
}

const needed = (text: string): string => {
  if (text === '') throw new Error('an answer is needed.')
  return text
}

const issuerOf = (text: string): string => {
  if (!URL.canParse(text)) throw new Error('this is no URL: write https://id.example.org.')
  const url = new URL(text)
  if (url.protocol === 'https:' || isLoopback(url)) return text
  throw new Error('it has to begin with https://.')
}

const postgresOf = async (path: string): Promise<GivenPostgres> => {
  const text = (await readSecretFile({ path, name: '--database-url-file' })).reveal().trim()
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^postgres(?:ql)?:$/.test(url.protocol)) {
    throw new OperatorError(
      'USAGE',
      `--database-url-file ${path} holds no URL of PostgreSQL.`,
      'postgres://portreeve:PASSWORD@db.example.org/portreeve?sslmode=require',
    )
  }
  const mode = url.searchParams.get('sslmode') ?? 'require'
  const host = url.searchParams.get('host') ?? (url.hostname === '' ? '/var/run/postgresql' : url.hostname)
  return {
    host,
    port: url.port === '' ? 5432 : Number(url.port),
    user: url.username === '' ? 'portreeve' : decodeURIComponent(url.username),
    database: url.pathname.length > 1 ? decodeURIComponent(url.pathname.slice(1)) : 'portreeve',
    tls: !host.startsWith('/') && mode !== 'disable',
    password: url.password === '' ? undefined : new Secret(decodeURIComponent(url.password)),
  }
}

/** Reads `wiki.example.org:443`, `10.20.0.5`, `10.20.0.0/16`, `[2001:db8::5]:22`; null for `-`. */
export const resourceOf = (text: string): FirstResource | null => {
  if (text === '-') return null
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^[\]]*?))(?::(\d{1,5}))?$/.exec(text) ?? []
  const whole = isIP(text) === 6 || (text.includes('/') && isIP(text.replace(/\/.*$/, '')) === 6)
  const address = whole ? text : (bracketed ?? plain ?? '')
  if (address === '' || /\s/.test(address))
    throw new Error('write a name, an address or a network: wiki.example.org:443.')
  const type = address.includes('/') ? 'cidr' : isIP(address) === 0 ? 'dns' : 'ip'
  return { type, address, port: whole ? undefined : port }
}
