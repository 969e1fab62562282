import { X509Certificate } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { isIP } from 'node:net'
import { createSecureContext } from 'node:tls'
import { OperatorError } from '../../core/config/operator-error.ts'
import type { Clock } from '../../core/runtime/clock.ts'
import type { Startable } from '../../core/runtime/lifecycle.ts'
import type { Logger } from '../../core/runtime/logger.ts'
import { after, SECOND } from '../../core/runtime/time.ts'

/** Files in PEM: a certificate with its intermediate ones, and its key. */
export interface CertificateFiles {
  certificate_file: string
  key_file: string
}

/** Certificate chain and key in PEM. */
export interface CertificatePair {
  cert: string
  key: string
}

/** Interval of looking whether the files have changed. */
const LOOK_EVERY_MS = 10 * SECOND

export interface ServedCertificateOptions {
  files: CertificateFiles
  /** Role of this process, for messages: `portal`. */
  role: string
  clock: Clock
  logger: Logger
}

/**
 * Certificate of a TLS server, whose files are read again when they change. The server uses a renewed certificate for new
 * connections. Changed files that cannot be used are refused, with a line in the log, and the server goes on with the
 * certificate that it has.
 */
export class ServedCertificate implements Startable {
  readonly #options: ServedCertificateOptions
  readonly #users = new Set<(pair: CertificatePair) => void>()
  #pair: CertificatePair
  /** Stamp of the files that are in use, of those that were refused last, and when that was said. */
  #used: string
  #refused: { stamp: string; problem: string; isSaid: boolean } | undefined
  #sleep: (() => void) | undefined

  /** Reads the files. @throws OperatorError `PORTAL_CERTIFICATE`, with the role's name, if they cannot be used */
  constructor(options: ServedCertificateOptions) {
    this.#options = options
    this.#used = stampOf(options.files)
    try {
      this.#pair = readPair(options.files)
    } catch (error) {
      throw unusable(options, error)
    }
  }

  /** Certificate and key in use. */
  get pair(): CertificatePair {
    return this.#pair
  }

  /** End of the validity of the certificate in use, in milliseconds since 1970. */
  get validTo(): number {
    return Date.parse(new X509Certificate(this.#pair.cert).validTo)
  }

  /** Explanation why changed files are not used; undefined if those in use are the present ones. */
  get problem(): string | undefined {
    return this.#refused?.isSaid === true ? this.#refused.problem : undefined
  }

  /** Calls back with each renewed certificate. */
  onRenewal(use: (pair: CertificatePair) => void): void {
    this.#users.add(use)
  }

  start(): void {
    const { clock } = this.#options
    const again = (): void => {
      this.look()
      this.#sleep = clock.wake(after(clock.now(), LOOK_EVERY_MS), again)
    }
    this.#sleep = clock.wake(after(clock.now(), LOOK_EVERY_MS), again)
  }

  stop(): void {
    this.#sleep?.()
    this.#sleep = undefined
  }

  /**
   * Reads the files again if they have changed. Files that cannot be used are said to be so at the next look, if they are
   * still the same then, because whoever renews a certificate writes one file after the other; or at once, if somebody
   * has asked for this look.
   */
  look({ isAsked = false }: { isAsked?: boolean } = {}): void {
    const { files, logger, role } = this.#options
    const stamp = stampOf(files)
    if (stamp === this.#used) {
      this.#refused = undefined
      return
    }
    const again = isAsked || this.#refused?.stamp === stamp
    if (this.#refused?.stamp === stamp && this.#refused.isSaid && !isAsked) return
    try {
      const pair = readPair(files)
      checkRenewal(pair, this.#pair, this.#options.clock.unix())
      for (const use of this.#users) use(pair)
      this.#pair = pair
      this.#used = stamp
      this.#refused = undefined
      logger.info({ validTo: new Date(this.validTo).toISOString() }, `the ${role} uses its renewed certificate`)
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error)
      this.#refused = { stamp, problem, isSaid: again }
      if (!again) return
      const validTo = new Date(this.validTo).toISOString()
      logger.warn(
        { problem, certificate: files.certificate_file, validTo },
        `the ${role}’s renewed certificate cannot be used; it goes on with the one of before`,
      )
    }
  }
}

/** Reads a certificate and its key, and checks that they belong together. */
export const readPair = ({ certificate_file: certificate, key_file: keyFile }: CertificateFiles): CertificatePair => {
  const pair = { cert: readFileSync(certificate, 'utf8'), key: readFileSync(keyFile, 'utf8') }
  createSecureContext(pair)
  return pair
}

/** Returns the names in a certificate, as OpenSSL writes them: `DNS:portal.example.org, IP Address:192.0.2.1`. */
export const namesIn = (cert: string): string => new X509Certificate(cert).subjectAltName ?? 'no name'

/** Whether a certificate is for a host name or an address. */
export const isFor = (cert: string, host: string): boolean => {
  const certificate = new X509Certificate(cert)
  return (isIP(host) === 0 ? certificate.checkHost(host) : certificate.checkIP(host)) !== undefined
}

/** Refuses a certificate that is worse than the one in use. */
const checkRenewal = ({ cert }: CertificatePair, { cert: used }: CertificatePair, now: number): void => {
  const { validTo } = new X509Certificate(cert)
  if (Date.parse(validTo) <= now) throw new Error(`it has expired, on ${validTo}`)
  const lost = dnsNames(used).filter((name) => !isFor(cert, name.replace(/^\*/, 'any')))
  if (lost.length > 0) throw new Error(`it is not for ${lost.join(', ')}, but for ${namesIn(cert)}`)
}

const dnsNames = (cert: string): string[] =>
  [...(new X509Certificate(cert).subjectAltName ?? '').matchAll(/DNS:([^,\s]+)/g)].map(([, name = '']) => name)

const unusable = ({ files, role }: ServedCertificateOptions, error: unknown): OperatorError =>
  new OperatorError(
    `${role.toUpperCase()}_CERTIFICATE`,
    `the ${role}’s certificate ${files.certificate_file} and key ${files.key_file} cannot be used: ${error instanceof Error ? error.message : String(error)}.`,
    `Name files in PEM that the ${role} may read, which belong together.`,
  )

/** Returns a text that changes with both files' identities, times and sizes. */
const stampOf = ({ certificate_file, key_file }: CertificateFiles): string =>
  [certificate_file, key_file]
    .map((file) => {
      const found = statSync(file, { throwIfNoEntry: false })
      return found === undefined ? '' : `${found.ino} ${found.mtimeMs} ${found.size}`
    })
    .join()
