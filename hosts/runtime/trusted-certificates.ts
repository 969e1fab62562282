import { X509Certificate } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import * as tls from 'node:tls'
import { OperatorError } from '../../core/config/operator-error.ts'
import { failure } from './failure.ts'

/** Files in which distributions keep the certificate authorities that they trust; the first that exists is used. */
const SYSTEM_FILES = [
  '/etc/ssl/certs/ca-certificates.crt', // Debian, Ubuntu, Arch, Alpine, Gentoo
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem', // Fedora, RHEL
  '/etc/pki/tls/certs/ca-bundle.crt', // RHEL 6
  '/etc/ssl/ca-bundle.pem', // openSUSE
  '/var/lib/ca-certificates/ca-bundle.pem', // openSUSE
  '/etc/ssl/cert.pem', // Alpine, OpenWrt
]

/**
 * Contexts of this process by the files that they were made of: to parse some three hundred certificates keeps the
 * process busy for more than a tenth of a second.
 */
const contexts = new Map<string, { context: tls.SecureContext; seen: string }>()

export interface TrustOptions {
  /** PEM file of the operator's own authorities, trusted in addition to all others. */
  caFile?: string | undefined
  /** Authorities (PEM) to trust instead of all others. */
  only?: string | undefined
  /** Candidates for the system's file of authorities, for tests; SSL_CERT_FILE takes precedence. */
  systemFiles?: readonly string[]
}

/**
 * Certificate authorities that are trusted: Node's own roots, the system's store (written by `update-ca-certificates`)
 * and the operator's file. Changed files are read anew at the next connection, as a client runs for months.
 */
export class TrustedCertificates {
  readonly #caFile: string | undefined
  readonly #only: string | undefined
  readonly #systemFiles: readonly string[]
  /** Context that trusts `only`. */
  #narrow: tls.SecureContext | undefined

  constructor({ caFile, only, systemFiles = SYSTEM_FILES }: TrustOptions = {}) {
    this.#caFile = caFile
    this.#only = only
    this.#systemFiles = systemFiles
  }

  /**
   * Returns a TLS context that trusts all authorities. Throws with the code CA_FILE if the operator's file cannot be
   * read.
   */
  context = (): tls.SecureContext => {
    if (this.#only !== undefined) return (this.#narrow ??= tls.createSecureContext({ ca: this.#only }))
    const files = [this.#systemFile(), this.#caFile, process.env['NODE_EXTRA_CA_CERTS']].map((file) => file ?? '')
    const key = files.join('\n')
    const seen = files.map((file) => stampOf(file) ?? '').join('\n')
    const known = contexts.get(key)
    if (known?.seen === seen) return known.context
    const context = tls.createSecureContext({ ca: this.pem() })
    contexts.set(key, { seen, context })
    return context
  }

  /** Returns the certificates of all authorities, in PEM. */
  pem(): string[] {
    if (this.#only !== undefined) return [this.#only]
    const system = this.#systemFile()
    return [
      ...nodesOwn(),
      ...(system === undefined ? [] : [readFileSync(system, 'utf8')]),
      ...(this.#caFile === undefined ? [] : [readCaFile(this.#caFile)]),
    ]
  }

  #systemFile(): string | undefined {
    const named = process.env['SSL_CERT_FILE']
    const files = named === undefined || named === '' ? this.#systemFiles : [named, ...this.#systemFiles]
    return files.find((file) => stampOf(file) !== undefined)
  }
}

/**
 * Checks the operator's file of authorities when a host starts.
 * @throws OperatorError CA_FILE_UNREADABLE, CA_FILE_INVALID
 */
export const checkCaFile = (file: string | undefined): void => {
  if (file === undefined) return
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw new OperatorError('CA_FILE_UNREADABLE', `ca_file ${file} cannot be read: ${code ?? message}.`)
  }
  if (isPem(text)) return
  throw new OperatorError('CA_FILE_INVALID', `ca_file ${file} holds no certificate.`, 'Write certificates in PEM.')
}

const readCaFile = (file: string): string => {
  try {
    const text = readFileSync(file, 'utf8')
    if (isPem(text)) return text
  } catch (error) {
    throw failure('CA_FILE', `ca_file ${file} cannot be read`, error)
  }
  throw failure('CA_FILE', `ca_file ${file} holds no certificate`)
}

/** Whether a text has a certificate in PEM, and every one can be parsed: OpenSSL would skip a broken one silently. */
const isPem = (text: string): boolean => {
  const found = text.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? []
  try {
    return found.length > 0 && found.every((one) => new X509Certificate(one).raw.length > 0)
  } catch {
    return false
  }
}

/**
 * Returns Node's roots and those of NODE_EXTRA_CA_CERTS, because a context with a `ca` of its own does not include
 * them.
 */
const nodesOwn = (): readonly string[] => {
  if ('getCACertificates' in tls) return (tls.getCACertificates as (type: string) => string[])('default')
  const extra = process.env['NODE_EXTRA_CA_CERTS']
  if (extra === undefined || stampOf(extra) === undefined) return tls.rootCertificates
  return [...tls.rootCertificates, readFileSync(extra, 'utf8')]
}

/** Returns a text that changes with the file's time and size; undefined if there is no such file. */
const stampOf = (file: string): string | undefined => {
  try {
    const found = statSync(file)
    return found.isFile() ? `${file} ${found.mtimeMs} ${found.size}` : undefined
  } catch {
    return undefined
  }
}
