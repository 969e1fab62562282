import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { packageRoot } from '../../../kit/source-tree.ts'

/** Module that makes SQLite missing: an old Node.js, installed without optional packages. */
const WITHOUT_SQLITE = `
const builtIn = process.getBuiltinModule
process.getBuiltinModule = (id) => (id === 'node:sqlite' ? undefined : builtIn?.call(process, id))
const Module = require('node:module')
const resolve = Module._resolveFilename
Module._resolveFilename = function (name, ...rest) {
  if (name !== '@photostructure/sqlite') return resolve.call(this, name, ...rest)
  throw Object.assign(new Error("Cannot find module '" + name + "'"), { code: 'MODULE_NOT_FOUND' })
}
`

describe('a portal where there is no SQLite', function () {
  this.timeout(120_000)
  let folder: string

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'portreeve-no-sqlite-'))
    await writeFile(join(folder, 'without-sqlite.cjs'), WITHOUT_SQLITE)
    await writeFile(join(folder, 'portal.yaml'), 'plugins: []\nstate_folder: state\n')
  })
  after(() => rm(folder, { recursive: true }))

  it('a portal without SQLite ends with SQLITE_MISSING, which says what is missing and what to do, and without a stack', async () => {
    const cli = join(packageRoot(), 'dist/hosts/cli/main.js')
    const preload = ['--require', join(folder, 'without-sqlite.cjs')]
    const command = [cli, 'portal', 'init', '--account', 'example', '--admin-email', 'ada@example.org']
    const { code, told } = await new Promise<{ code: unknown; told: string }>((resolve) => {
      const all = [...preload, ...command, '--config', join(folder, 'portal.yaml')]
      execFile(process.execPath, all, (error, _, said) => resolve({ code: error?.code, told: said }))
    })
    expect(told).to.match(/^portreeve: SQLITE_MISSING: SQLite cannot be loaded: .*@photostructure\/sqlite.*driver: pg/)
    expect(told).not.to.match(/\n\s+at /)
    expect(code).to.equal(1)
  })
})
