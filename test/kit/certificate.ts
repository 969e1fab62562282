import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

/** A self-signed certificate and its key, in PEM. */
export interface Certificate {
  key: string
  cert: string
}

/** Makes a self-signed certificate for host names and addresses, by openssl. */
export const makeCertificate = async (names: readonly string[]): Promise<Certificate> =>
  request(['-subj', '/CN=test', '-addext', `subjectAltName=${alternatives(names)}`])

/** A certificate authority that signs certificates for host names and addresses. */
export interface Authority {
  /** The authority's own certificate, in PEM. */
  cert: string
  issue: (names: readonly string[]) => Promise<Certificate>
}

/** Makes a certificate authority, by openssl. */
export const makeAuthority = async (): Promise<Authority> => {
  const own = await request(['-subj', '/CN=test authority'])
  return {
    cert: own.cert,
    issue: (names) => request(['-subj', '/CN=test', '-addext', `subjectAltName=${alternatives(names)}`, ...LEAF], own),
  }
}

const LEAF = ['-addext', 'basicConstraints=critical,CA:FALSE']

const alternatives = (names: readonly string[]): string =>
  names.map((name) => (/^[\d.]+$|:/.test(name) ? `IP:${name}` : `DNS:${name}`)).join(',')

const request = async (what: readonly string[], signer?: Certificate): Promise<Certificate> => {
  const folder = await mkdtemp(join(tmpdir(), 'portreeve-certificate-'))
  try {
    const at = (name: string): string => join(folder, name)
    const signed = signer === undefined ? [] : ['-CA', at('ca.pem'), '-CAkey', at('ca-key.pem')]
    if (signer !== undefined) await writeFile(at('ca.pem'), signer.cert)
    if (signer !== undefined) await writeFile(at('ca-key.pem'), signer.key)
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', at('key.pem')]
    const all = ['req', '-x509', '-days', '2', ...key, ...signed, ...what, '-out', at('cert.pem')]
    await promisify(execFile)('openssl', all)
    return { key: await readFile(at('key.pem'), 'utf8'), cert: await readFile(at('cert.pem'), 'utf8') }
  } finally {
    await rm(folder, { recursive: true })
  }
}
