import { X509Certificate } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import * as tls from 'node:tls'
import { OperatorError } from '../../core/config/operator-error.ts'
import { failure } from './failure.ts'

/** Where systems keep the authorities that they trust, in one file each: the first that is there counts. */
const SYSTEM_FILES = [
  '/etc/ssl/certs/ca-certificates.crt', // Debian, Ubuntu, Arch, Alpine, Gentoo
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem', // Fedora, RHEL
  '/etc/pki/tls/certs/ca-bundle.crt', // RHEL 6
  '/etc/ssl/ca-bundle.pem', // openSUSE
  '/var/lib/ca-certificates/ca-bundle.pem', // openSUSE
  '/etc/ssl/cert.pem', // Alpine, OpenWrt
]

export interface TrustOptions {
  /** An operator's own authorities, in PEM, trusted beside all others. */
  caFile?: string | undefined
  /** Where the system's are looked for, for tests; SSL_CERT_FILE goes before it. */
  systemFiles?: readonly string[]
}

/**
 * The authorities whose certificates are believed: Node's own roots, the system's store (what `update-ca-certificates` writes), and a file
 * of the operator's. The files are looked at again at each connection, as certificates are renewed while a client runs for months.
 */
export class TrustedCertificates {
  readonly #caFile: string | undefined
  readonly #systemFiles: readonly string[]
  #context: { context: tls.SecureContext; seen: string } | undefined

  constructor({ caFile, systemFiles = SYSTEM_FILES }: TrustOptions = {}) {
    this.#caFile = caFile
    this.#systemFiles = systemFiles
  }

  /** Fails where the operator's file cannot be read, with the code CA_FILE. */
  context = (): tls.SecureContext => {
    const files = [this.#systemFile(), this.#caFile].filter((file) => file !== undefined)
    const seen = files.map((file) => stampOf(file) ?? '').join(' ')
    if (this.#context?.seen !== seen) {
      this.#context = { seen, context: tls.createSecureContext({ ca: this.pem() }) }
    }
    return this.#context.context
  }

  /** All of them, in PEM. */
  pem(): string[] {
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

/** Looks at an operator's file of authorities as a start does. @throws OperatorError CA_FILE_UNREADABLE, CA_FILE_INVALID */
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

/** Whether there is a certificate in it, and nothing between its marks that is none: OpenSSL passes such by without a word. */
const isPem = (text: string): boolean => {
  const found = text.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? []
  try {
    return found.length > 0 && found.every((one) => new X509Certificate(one).raw.length > 0)
  } catch {
    return false
  }
}

/** Node's roots and those of NODE_EXTRA_CA_CERTS, which naming others would leave out. */
const nodesOwn = (): readonly string[] => {
  if ('getCACertificates' in tls) return (tls.getCACertificates as (type: string) => string[])('default')
  const extra = process.env['NODE_EXTRA_CA_CERTS']
  if (extra === undefined || stampOf(extra) === undefined) return tls.rootCertificates
  return [...tls.rootCertificates, readFileSync(extra, 'utf8')]
}

/** Another one for another content; undefined where there is no such file. */
const stampOf = (file: string): string | undefined => {
  try {
    const found = statSync(file)
    return found.isFile() ? `${file} ${found.mtimeMs} ${found.size}` : undefined
  } catch {
    return undefined
  }
}
