import { X509Certificate } from 'node:crypto'
import { access, constants, stat } from 'node:fs/promises'
import { createServer } from 'node:net'
import { isFor, namesIn, readPair } from '../runtime/served-certificate.ts'
import { DAY } from '../../core/runtime/time.ts'
import { fine, note, wrong, type Finding } from './finding.ts'
import type { SetupAnswers, SignIn, Tls } from './setup-answers.ts'
import type { ServiceUser } from './services.ts'

/** Time for a provider or a mail server to answer. */
const ANSWER_MS = 10_000
const MAX_DISCOVERY_BYTES = 1_000_000
/** Rest of a certificate's life that is worth to know. */
const SOON_MS = 7 * DAY

export interface Checked {
  findings: Finding[]
  /** Private addresses of the identity provider, which the portal has to be permitted to ask. */
  privateNetworks: string[]
}

/** Tries what a set-up was told: the name, the port, the certificate, the provider or mail server. Changes nothing. */
export const checkAnswers = async (
  { publicUrl, listen, tls, signIn }: SetupAnswers,
  { serviceUser, now }: { serviceUser: ServiceUser | undefined; now: number },
): Promise<Checked> => {
  const provider = await signInFindings(signIn)
  return {
    findings: [
      await nameFinding(publicUrl),
      await portFinding(listen),
      ...(await certificateFindings(tls, { publicUrl, serviceUser, now })),
      ...provider.findings,
    ],
    privateNetworks: provider.privateNetworks,
  }
}

const hostOf = ({ hostname }: URL): string => hostname.replace(/^\[(.*)\]$/, '$1')

const addressesOf = async (host: string): Promise<readonly string[]> => {
  const { lookUpAll } = await import('../runtime/index.ts')
  return lookUpAll(host).catch(() => [])
}

const nameFinding = async (publicUrl: URL): Promise<Finding> => {
  const host = hostOf(publicUrl)
  const addresses = await addressesOf(host)
  return addresses.length > 0
    ? fine('name', `${host} is ${addresses.join(', ')}.`)
    : note(
        'name',
        `${host} has no address that this machine finds.`,
        'Clients and gateways need one: add an A or AAAA record.',
      )
}

const portFinding = ({ host, port }: { host: string; port: number }): Promise<Finding> =>
  new Promise((resolve) => {
    const at = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
    const server = createServer()
    server.on('error', ({ code, message }: NodeJS.ErrnoException) => {
      const said = `TCP ${at} cannot be listened on: ${code ?? message}.`
      const remedy =
        code === 'EADDRINUSE'
          ? `Another program has it (ss -ltnp 'sport = :${port}'): end that, or take another port by --listen.`
          : 'Run it as root, or take another address or port by --listen.'
      resolve(wrong('port', 'port_unusable', said, remedy))
    })
    server.listen({ host, port, exclusive: true }, () => {
      server.close(() => resolve(fine('port', `TCP ${at} is free.`)))
    })
  })

const certificateFindings = async (
  tls: Tls,
  { publicUrl, serviceUser, now }: { publicUrl: URL; serviceUser: ServiceUser | undefined; now: number },
): Promise<Finding[]> => {
  if (tls.kind !== 'files') return []
  const { certificate, key } = tls
  try {
    const { cert } = readPair({ certificate_file: certificate, key_file: key })
    const { validTo, subject, issuer } = new X509Certificate(cert)
    const end = Date.parse(validTo)
    const host = hostOf(publicUrl)
    if (!isFor(cert, host)) {
      return [
        wrong(
          'tls',
          'certificate_other',
          `The certificate is for ${namesIn(cert)}, not for ${host}.`,
          'Name that of the public name.',
        ),
      ]
    }
    if (end <= now)
      return [wrong('tls', 'certificate_expired', `The certificate has expired, on ${validTo}.`, 'Have it renewed.')]
    const unreadable = await unreadableFor(serviceUser, [certificate, key])
    if (unreadable !== undefined) return [unreadable]
    const own =
      subject === issuer
        ? [
            note(
              'tls',
              'It is signed by itself.',
              'Clients and gateways need it as ca_file: --ca-file of their set-up.',
            ),
          ]
        : []
    const said = `The certificate is for ${host}, until ${validTo}.`
    return [end - now < SOON_MS ? note('tls', said, 'Have it renewed.') : fine('tls', said), ...own]
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    const remedy = 'Name two files in PEM that belong together.'
    return [wrong('tls', 'certificate_unusable', `${certificate} and ${key} cannot be used: ${why}.`, remedy)]
  }
}

/** Returns a finding about files that the service's user may not read; undefined if it may, or if there is no service. */
const unreadableFor = async (user: ServiceUser | undefined, files: readonly string[]): Promise<Finding | undefined> => {
  if (user === undefined) return undefined
  for (const file of files) {
    const { mode, uid, gid } = await stat(file)
    const bit = uid === user.uid ? 0o400 : gid === user.gid ? 0o040 : 0o004
    if ((mode & bit) !== 0) continue
    return wrong(
      'tls',
      'certificate_unreadable',
      `The portal runs as ${user.name}, which may not read ${file}.`,
      `Run: install -D -m 640 -g ${user.name} ${file} /etc/portreeve/tls/${file.replace(/^.*\//, '')}, name that, and have whatever renews the certificate do the same.`,
    )
  }
  return undefined
}

const signInFindings = async (signIn: SignIn): Promise<Checked> => {
  if (signIn.kind === 'email') return { findings: [await mailFinding(signIn)], privateNetworks: [] }
  if (signIn.kind === 'oidc') return providerFindings(signIn.issuer)
  const said = 'People cannot sign in yet; you can, by an emergency code.'
  return { findings: [note('sign-in', said, 'Add an identity provider on the pages for admins.')], privateNetworks: [] }
}

const mailFinding = async (mail: Extract<SignIn, { kind: 'email' }>): Promise<Finding> => {
  const { host, port, tls, user, password } = mail
  const { createTransport } = await import('nodemailer')
  const { createTrustedAuthorities } = await import('../runtime/index.ts')
  const transport = createTransport({
    host,
    port,
    secure: tls === 'always',
    requireTLS: tls === 'starttls',
    ignoreTLS: tls === 'never',
    tls: { ca: [...createTrustedAuthorities().pem()] },
    connectionTimeout: ANSWER_MS,
    greetingTimeout: ANSWER_MS,
    socketTimeout: ANSWER_MS,
    ...(user === undefined ? {} : { auth: { user, pass: password?.reveal() ?? '' } }),
  })
  try {
    await transport.verify()
    return fine('sign-in', `The mail server ${host}:${port} takes mail${user === undefined ? '' : ` of ${user}`}.`)
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException
    const remedy =
      code === 'EAUTH'
        ? 'Look at --smtp-user and the password.'
        : 'Look at --smtp-host, --smtp-port (587 with starttls, 465 with always) and --smtp-tls, and at firewalls.'
    return wrong('sign-in', 'mail_server', `The mail server ${host}:${port} does not take mail: ${message}.`, remedy)
  } finally {
    transport.close()
  }
}

const providerFindings = async (issuer: string): Promise<Checked> => {
  const { createHttpClient, permitInternetAnd } = await import('../runtime/index.ts')
  const addresses = await addressesOf(hostOf(new URL(issuer)))
  const permits = permitInternetAnd([])
  const privateNetworks = addresses.filter((address) => !permits(address))
  const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`
  const remedy =
    'The issuer is the URL in the provider’s own description, below which .well-known/openid-configuration is.'
  const refused = (why: string): Checked => ({
    findings: [wrong('sign-in', 'provider', `${url}: ${why}.`, remedy)],
    privateNetworks,
  })
  try {
    const { status, body } = await createHttpClient().send({
      method: 'GET',
      url,
      headers: { accept: 'application/json' },
      timeoutMs: ANSWER_MS,
      maxBytes: MAX_DISCOVERY_BYTES,
    })
    if (status !== 200) return refused(`it answers ${status}`)
    const { issuer: named } = JSON.parse(new TextDecoder().decode(body)) as { issuer?: unknown }
    if (named !== issuer) return refused(`it names the issuer ${JSON.stringify(named)}, not ${issuer}`)
  } catch (error) {
    return refused(error instanceof Error ? error.message : String(error))
  }
  const near =
    privateNetworks.length === 0
      ? []
      : [
          note(
            'sign-in',
            `It is at ${privateNetworks.join(', ')}, which private_networks will permit the portal to ask.`,
          ),
        ]
  return { findings: [fine('sign-in', `The provider ${issuer} answers.`), ...near], privateNetworks }
}

/** Whether this process may write in a folder, or make it. */
export const mayWrite = async (folder: string): Promise<boolean> => {
  for (let at = folder; ; at = at.replace(/\/[^/]*$/, '') || '/') {
    const found = await access(at, constants.W_OK).then(
      () => true,
      ({ code }: NodeJS.ErrnoException) => (code === 'ENOENT' ? undefined : false),
    )
    if (found !== undefined || at === '/') return found ?? false
  }
}
