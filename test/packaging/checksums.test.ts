import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { packageRoot } from '../kit/source-tree.ts'

interface Checksums {
  writeChecksums: (folder: string) => string
  sign: (file: string, key: string) => Promise<string>
  NAMESPACE: string
}

describe('the checksums of packages', () => {
  const folder = mkdtempSync(join(tmpdir(), 'portreeve-sums-'))
  let checksums: Checksums
  before(async () => {
    const url = pathToFileURL(join(packageRoot(), 'packaging/checksums.mjs')).href
    checksums = (await import(url)) as Checksums
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  it('checksums are those that sha256sum checks, and their signature is the key’s', async function () {
    const ssh = (args: readonly string[], input = '') => spawnSync('ssh-keygen', args, { cwd: folder, input, encoding: 'utf8' }) // prettier-ignore
    writeFileSync(join(folder, 'one.deb'), 'one')
    writeFileSync(join(folder, 'two.tgz'), 'two')
    const file = checksums.writeChecksums(folder)
    const check = spawnSync('sha256sum', ['--check', '--strict', 'SHA256SUMS'], { cwd: folder, encoding: 'utf8' })
    expect(check.stdout).to.equal('one.deb: OK\ntwo.tgz: OK\n')

    const keys = mkdtempSync(join(tmpdir(), 'portreeve-key-'))
    try {
      const key = join(keys, 'release')
      if (ssh(['-q', '-t', 'ed25519', '-N', '', '-f', key]).error !== undefined) this.skip()
      const signature = await checksums.sign(file, key)
      const signers = join(keys, 'signers')
      writeFileSync(signers, `releases@example.org ${readFileSync(`${key}.pub`, 'utf8')}`)
      const flags = [
        '-Y',
        'verify',
        '-f',
        signers,
        '-I',
        'releases@example.org',
        '-n',
        checksums.NAMESPACE,
        '-s',
        signature,
      ]
      expect(ssh(flags, readFileSync(file, 'utf8')).status).to.equal(0)
      expect(ssh(flags, readFileSync(file, 'utf8').replace(/^./, 'x')).status, 'an altered list').not.to.equal(0)
      expect(checksums.writeChecksums(folder), 'the signature itself is in no list').to.equal(file)
      expect(readFileSync(file, 'utf8')).not.to.include('.sig')
    } finally {
      rmSync(keys, { recursive: true, force: true })
    }
  })
})
