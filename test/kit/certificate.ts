import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

/** A certificate that signed itself, in PEM: whoever trusts it trusts its bearer. */
export interface Certificate {
  key: string
  cert: string
}

/** Made by openssl, for host names and addresses. */
export const makeCertificate = async (names: readonly string[]): Promise<Certificate> => {
  const folder = await mkdtemp(join(tmpdir(), 'portreeve-certificate-'))
  try {
    const [keyFile, certFile] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
    const alternatives = names.map((name) => (/^[\d.]+$|:/.test(name) ? `IP:${name}` : `DNS:${name}`)).join(',')
    const what = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
    const subject = ['-subj', '/CN=test', '-addext', `subjectAltName=${alternatives}`]
    await promisify(execFile)('openssl', ['req', ...what, ...subject, '-keyout', keyFile, '-out', certFile])
    return { key: await readFile(keyFile, 'utf8'), cert: await readFile(certFile, 'utf8') }
  } finally {
    await rm(folder, { recursive: true })
  }
}
