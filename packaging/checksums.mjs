// SHA256SUMS of a folder of packages, and its detached signature by an OpenSSH key.
import { createHash } from 'node:crypto'
import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from './steps.mjs'

const NAME = 'SHA256SUMS'
/** Purpose that a signature names: one made for another purpose is not taken for it. */
export const NAMESPACE = 'portreeve-release'

/** Writes the checksums of all files of a folder, in the form of sha256sum; returns the path. */
export const writeChecksums = (folder) => {
  const names = readdirSync(folder)
    .filter((name) => !name.startsWith(NAME))
    .sort()
  const sum = (name) =>
    createHash('sha256')
      .update(readFileSync(join(folder, name)))
      .digest('hex')
  const file = join(folder, NAME)
  writeFileSync(file, names.map((name) => `${sum(name)}  ${name}\n`).join(''))
  return file
}

/** Signs a file with an OpenSSH private key, or the public one of a key that ssh-agent holds; returns the path. */
export const sign = async (file, key) => {
  rmSync(`${file}.sig`, { force: true })
  await run('ssh-keygen', ['-Y', 'sign', '-q', '-f', key, '-n', NAMESPACE, file])
  return `${file}.sig`
}
