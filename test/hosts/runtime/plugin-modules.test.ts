import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect } from 'chai'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { createPluginModules } from '../../../hosts/runtime/plugin-modules.ts'

describe('hosts/runtime/plugin-modules', () => {
  let root: string
  let configFile: string

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'modules-'))
    configFile = join(root, 'etc', 'portal.yaml')
    await mkdir(dirname(configFile))
  })
  afterEach(async () => {
    await rm(root, { recursive: true })
  })

  const install = async (folder: string, name: string, manifest: object, files: Record<string, string>) => {
    const target = join(folder, 'node_modules', name)
    await mkdir(target, { recursive: true })
    await writeFile(join(target, 'package.json'), JSON.stringify({ name, type: 'module', ...manifest }))
    for (const [file, text] of Object.entries(files)) await writeFile(join(target, file), text)
  }
  const importPackage = (name: string) => createPluginModules(configFile).importPackage(name)

  it('plugins that come with the package are listed, and one is imported', async () => {
    const modules = createPluginModules(configFile)
    expect(modules.builtin()).to.include('selector-random')
    expect(await modules.importBuiltin('selector-random')).to.have.property('plugin')
  })

  it('a plugin’s package is found beside the configuration file, and above', async () => {
    await install(dirname(configFile), 'near', { main: 'entry.js' }, { 'entry.js': 'export const plugin = "near"' })
    await install(root, '@example/far', {}, { 'index.js': 'export const plugin = "far"' })
    expect(await importPackage('near')).to.deep.include({ plugin: 'near' })
    expect(await importPackage('@example/far')).to.deep.include({ plugin: 'far' })
  })

  it('a plugin’s "exports" are followed as an import does, whichever way they are written', async () => {
    const files = { 'esm.js': 'export const plugin = "esm"', 'cjs.cjs': 'exports.plugin = "cjs"' }
    const variants: Record<string, unknown> = {
      'as-string': './esm.js',
      'import-only': { import: './esm.js' },
      'by-subpath': { '.': { types: './x.d.ts', node: { import: './esm.js', require: './cjs.cjs' } } },
      'require-first': { '.': { require: './cjs.cjs', default: './esm.js' } },
    }
    for (const [name, exports] of Object.entries(variants)) {
      await install(dirname(configFile), name, { exports }, files)
      expect(await importPackage(name), name).to.deep.include({ plugin: 'esm' })
    }
  })

  it('a plugin’s package is found by its name from its own folder, as its author has it', async () => {
    const folder = dirname(configFile)
    const text = { name: 'mine', type: 'module', exports: './index.js' }
    await writeFile(join(folder, 'package.json'), JSON.stringify(text))
    await writeFile(join(folder, 'index.js'), 'export const plugin = "mine"')
    expect(await importPackage('mine')).to.deep.include({ plugin: 'mine' })
    expect(await code(importPackage('yours'))).to.equal('PLUGIN_PACKAGE_MISSING')
  })

  it('a missing plugin’s package is reported, for a path in place of a name too', async () => {
    await writeFile(join(root, 'etc', 'local.js'), 'export const plugin = 1')
    for (const name of ['missing', './local.js', '../etc/local.js', '/etc/passwd', 'missing/sub', '..']) {
      expect(await code(importPackage(name)), name).to.equal('PLUGIN_PACKAGE_MISSING')
    }
  })

  it('a plugin’s package is not taken for missing whose own dependency is', async () => {
    await install(dirname(configFile), 'broken', {}, { 'index.js': 'import "not-there"' })
    expect(await code(importPackage('broken'))).to.equal('ERR_MODULE_NOT_FOUND')
  })
})

const code = async (promise: Promise<unknown>): Promise<string | undefined> =>
  promise.then(
    () => undefined,
    (error: { code?: string }) => error.code,
  )
