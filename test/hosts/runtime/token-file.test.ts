import { chmod, mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { OperatorError } from '../../../core/config/operator-error.ts'
import { Secret } from '../../../core/runtime/secret.ts'
import { readTokenFile, removeTokenFile, writeTokenFile } from '../../../hosts/runtime/token-file.ts'

describe('hosts/runtime/token-file', () => {
  let folder: string
  let path: string

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'token-'))
    path = join(folder, 'state', 'token')
  })
  afterEach(async () => {
    await rm(folder, { recursive: true })
  })

  it('S8 a token file is one that its owner alone reads, also in place of another', async () => {
    await writeTokenFile(path, new Secret('first.token'))
    await writeTokenFile(path, new Secret('second.token'))
    expect((await stat(path)).mode & 0o777).to.equal(0o600)
    expect((await readTokenFile(path))?.reveal()).to.equal('second.token')
  })

  it('there is no token where there is no token file, and after it was removed', async () => {
    expect(await readTokenFile(path)).to.equal(undefined)
    await writeTokenFile(path, new Secret('first.token'))
    await removeTokenFile(path)
    expect(await readTokenFile(path)).to.equal(undefined)
  })

  it('a token file that others may read is refused, with what to do', async () => {
    await writeTokenFile(path, new Secret('first.token'))
    await chmod(path, 0o640)
    expect(await refusal(path)).to.equal('SECRET_FILE_MODE')
  })

  it('a token file that holds no token is refused, without showing it', async () => {
    await writeTokenFile(path, new Secret('first.token'))
    for (const text of ['', 'two words', 'line\r\nX-Header: 1', 'ü', 'x'.repeat(5_000)]) {
      await writeFile(path, text)
      expect(await refusal(path)).to.equal('SECRET_FILE_INVALID')
    }
  })
})

const refusal = async (path: string): Promise<string | undefined> => {
  try {
    await readTokenFile(path)
    return undefined
  } catch (error) {
    return error instanceof OperatorError ? error.code : String(error)
  }
}
