import { expect } from 'chai'
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'mocha'
import type { OperatorError } from '../../../core/config/operator-error.ts'
import { createSecretFiles } from '../../../hosts/runtime/index.ts'

describe('a file with a secret', () => {
  let folder: string
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'portreeve-secret-'))
  })
  after(async () => rm(folder, { recursive: true, force: true }))

  const read = async (path: string): Promise<string> =>
    createSecretFiles(folder)
      .read({ path, name: 'smtp.password_file' })
      .then(
        (secret) => secret.reveal(),
        (error: unknown) => `${(error as OperatorError).code}: ${(error as OperatorError).message}`,
      )

  it('a secret file is relative to the configuration file’s folder, and its last line’s end is not of it', async () => {
    await writeFile(join(folder, 'password'), ' hush hush\n', { mode: 0o600 })
    expect(await read('password')).to.equal(' hush hush')
    expect(await read(join(folder, 'password'))).to.equal(' hush hush')
  })

  it('a secret file has to be there, for its owner alone, and not empty: errors have its name, its path and a code', async () => {
    const path = join(folder, 'wrong')
    expect(await read('wrong')).to.match(/^SECRET_FILE_MISSING: smtp\.password_file \/\S+\/wrong is not there/)
    await writeFile(path, 'hush', { mode: 0o600 })
    for (const mode of [0o644, 0o640, 0o604]) {
      await chmod(path, mode)
      expect(await read('wrong'), mode.toString(8)).to.match(/^SECRET_FILE_MODE: .*smtp\.password_file/)
    }
    await chmod(path, 0o600)
    for (const text of ['', '\n', 'x'.repeat(5_000)]) {
      await writeFile(path, text)
      expect(await read('wrong')).to.match(/^SECRET_FILE_INVALID: smtp\.password_file/)
    }
    await mkdir(join(folder, 'folder'), { mode: 0o700 })
    expect(await read('folder')).to.match(/^SECRET_FILE_(?:UNREADABLE|INVALID): smtp\.password_file .*folder/)
  })
})
