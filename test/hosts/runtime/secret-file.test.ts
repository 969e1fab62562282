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

  describe('as a credential of systemd', () => {
    const outer = process.env['CREDENTIALS_DIRECTORY']
    const credentials = (): string => join(folder, 'credentials')
    before(async () => {
      await mkdir(credentials())
      process.env['CREDENTIALS_DIRECTORY'] = credentials()
    })
    after(() => {
      if (outer === undefined) delete process.env['CREDENTIALS_DIRECTORY']
      else process.env['CREDENTIALS_DIRECTORY'] = outer
    })

    it('a credential with the name of a secret file, or of its folder and itself, goes before the file', async () => {
      await mkdir(join(folder, 'portal'))
      await writeFile(join(folder, 'portal/database'), 'of the file', { mode: 0o600 })
      expect(await read('portal/database')).to.equal('of the file')
      await writeFile(join(credentials(), 'portal_database'), 'of the folder', { mode: 0o400 })
      expect(await read('portal/database')).to.equal('of the folder')
      // The access list of systemd shows as a permission of the group.
      await writeFile(join(credentials(), 'database'), 'of the name', { mode: 0o440 })
      expect(await read('portal/database')).to.equal('of the name')
      expect(await read('portal/other')).to.match(/^SECRET_FILE_MISSING/)
    })

    it('a credential that others may read is refused', async () => {
      await writeFile(join(credentials(), 'open'), 'hush')
      await chmod(join(credentials(), 'open'), 0o444)
      expect(await read('open')).to.match(/^SECRET_FILE_MODE/)
    })
  })
})
