import { execFile } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { installPackedProduct, linkPackages } from './kit/packed-product.ts'
import { packageRoot } from './kit/source-tree.ts'

const root = packageRoot()
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  peerDependencies: Record<string, string>
}

/** Script that uses the exports of portreeve/testing which the example plugin does not. */
const EVERY_SUITE = `
import { ApiClient, type Site } from 'portreeve/api'
import * as testing from 'portreeve/testing'
import { DnsServer, RecordingLogger, SeededRandom, VirtualClock } from 'portreeve/testing'
it('the portreeve package has its parts', async () => {
  new VirtualClock().advance(1)
  new SeededRandom(1).bytes(1)
  const make = async (api: ApiClient): Promise<Site> => api.call('POST /sites', { body: { name: 'Berlin' } })
  if (make.length !== 1) throw new Error('no client')
  new RecordingLogger().info({}, 'said')
  if (typeof testing.identityProviderSuite !== 'function' || typeof DnsServer !== 'function') throw new Error('no suite')
})
`

/** Runs a suite without a test runner. */
const SUITE_ALONE = `
import { GatewaySelectors, z } from 'portreeve'
import { checksOf, gatewaySelectorSuite } from 'portreeve/testing'
const first = { select: ({ candidates: [{ id }] }) => ({ gatewayId: id, reason: 'the first' }) }
const suite = { create: () => first, schema: z.strictObject({}), settings: [{}], refused: [] }
const checks = checksOf(() => gatewaySelectorSuite('first', suite))
for (const { run } of checks) await run()
console.log(checks.length > 7)
`

/** Uses the ports for tests, where nothing but the product is installed. */
const PORTS_ALONE = `
import { parseAnswer, parseQuery, answerTo, writeQuery } from 'portreeve'
import * as testing from 'portreeve/testing'
const server = await testing.DnsServer.start(({ message }) => {
  const { query } = parseQuery(message)
  return [answerTo(query, { code: 0, records: { type: 1, ttlSeconds: 60, data: [Uint8Array.of(192, 0, 2, 1)] } })]
})
const message = writeQuery({ id: 7, name: 'www.example.org', type: 1 })
const answer = await testing.createDnsExchange().send({ server: server.endpoint, protocol: 'udp', message, timeoutMs: 5000 })
await server.stop()
const { type } = parseAnswer(answer, { id: 7, name: 'www.example.org', type: 1, recordClass: 1 })
const refused = await testing.createHttpClient().send({ method: 'GET', url: 'http://127.0.0.1:1/', headers: {}, timeoutMs: 5000, maxBytes: 9 }).catch(({ code }) => code)
const secret = await testing.createSecretFiles({ 'key.txt': 'hush' }).read({ path: 'key.txt', name: 'key_file' })
const servers = testing.createSystemResolvers(['192.0.2.53:53']).servers()
const kinds = ['Browser', 'TunnelWire', 'RecordingLogger', 'RecordingMetrics', 'createOutgoingSockets', 'createTrustedAuthorities'].map((name) => typeof testing[name])
console.log([type, refused, String(secret), servers, new Set(kinds).size].join(' '))
`

/** Plugin that brings nothing along: neither the product nor zod is where it is. */
const BARE_PLUGIN = `
import { definePlugin, GatewaySelectors, PLUGIN_API } from 'portreeve'
import { equalSecrets } from 'portreeve/crypto'
import { z } from 'zod'
export const plugin = definePlugin({
  name: 'selector-bare',
  api: PLUGIN_API,
  version: typeof equalSecrets,
  setup({ provide }) {
    provide(GatewaySelectors, 'bare', {
      settings: z.strictObject({}),
      create: () => ({ select: ({ candidates: [{ id }] }) => ({ gatewayId: id, reason: 'the first' }) }),
    })
  },
})
`

const run = async (folder: string, file: string, parameters: string[]): Promise<string> => {
  const { stdout } = await promisify(execFile)(file, parameters, { cwd: folder, timeout: 200_000 })
  return stdout
}

describe('the package that is published', () => {
  const folder = mkdtempSync(join(tmpdir(), 'portreeve-package-'))
  const modules = join(folder, 'node_modules')
  const installed = join(modules, 'portreeve')

  before(async function () {
    this.timeout(300_000)
    await installPackedProduct(folder)
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  it('the published package runs the command line and loads its own plugins, with nothing but its dependencies', async () => {
    const cli = join(installed, 'dist/hosts/cli/main.js')
    expect(await run(folder, process.execPath, [cli, '--help'])).to.include('portreeve setup')
    for (const name of ['portal', 'gateway', 'client']) {
      const file = join(installed, 'config', `${name}.yaml`)
      const printed = await run(folder, process.execPath, [
        cli,
        'plugin',
        'check',
        '--host',
        name,
        '--config',
        file,
        '--json',
      ])
      expect((JSON.parse(printed) as { plugins: unknown[] }).plugins).to.have.length.greaterThan(1)
    }
  })

  it('a plugin of the published package uses the product that loads it, wherever it lies and whatever copy it brings', async () => {
    const far = mkdtempSync(join(tmpdir(), 'portreeve-far-'))
    const install = (name: string, files: Readonly<Record<string, string>>): void => {
      for (const [file, text] of Object.entries(files)) {
        mkdirSync(dirname(join(far, 'node_modules', name, file)), { recursive: true })
        writeFileSync(join(far, 'node_modules', name, file), text)
      }
    }
    const manifest = (name: string) => JSON.stringify({ name, type: 'module', exports: './index.js' })
    install('portreeve-selector-bare', {
      'package.json': manifest('portreeve-selector-bare'),
      'index.js': BARE_PLUGIN,
    })
    install('portreeve-selector-own', {
      'package.json': manifest('portreeve-selector-own'),
      'index.js': BARE_PLUGIN.replaceAll('bare', 'own'),
      'node_modules/portreeve/package.json': manifest('portreeve'),
      'node_modules/portreeve/index.js': 'throw new Error("another copy of the product")',
    })
    try {
      const file = join(far, 'portal.yaml')
      writeFileSync(file, 'plugins: [{ use: portreeve-selector-bare }, { use: portreeve-selector-own }]')
      const cli = join(installed, 'dist/hosts/cli/main.js')
      const printed = await run(far, process.execPath, [
        cli,
        'plugin',
        'check',
        '--host',
        'portal',
        '--config',
        file,
        '--json',
      ])
      const { plugins } = JSON.parse(printed) as { plugins: { name: string; version: string }[] }
      expect(plugins.map(({ name, version }) => `${name} ${version}`)).to.deep.equal([
        'selector-bare function',
        'selector-own function',
      ])
    } finally {
      rmSync(far, { recursive: true, force: true })
    }
  })

  it('the published package has all that building the addon takes', async () => {
    const sources = (at: string) => readdirSync(join(at, 'hosts/runtime/native')).filter((name) => name !== 'build')
    expect(sources(installed)).to.have.members(sources(root))
    const resolve = "console.log(require('module').createRequire(process.argv[1]).resolve('node-gyp/bin/node-gyp.js'))"
    const script = join(installed, 'hosts/runtime/native/build.mjs')
    expect(await run(folder, process.execPath, ['-e', resolve, script])).to.include('node-gyp.js')
  })

  it('the published package has what its documents link to', () => {
    const documents = readdirSync(installed, { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.md'),
    )
    expect(documents).to.include.members(['README.md', 'SECURITY.md', join('config', 'README.md')])
    for (const name of documents) {
      const text = readFileSync(join(installed, name), 'utf8')
      for (const [, target = ''] of text.matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)) {
        expect(existsSync(join(installed, dirname(name), target)), `${name} links to ${target}`).to.equal(true)
      }
    }
  })

  it('the published package offers programs portreeve/api, plugin authors portreeve and, with their own test runner, portreeve/testing', async () => {
    const ask =
      "for (const name of ['', '/crypto', '/api', '/testing']) console.log(Object.keys(await import(`portreeve${name}`)).join())"
    const print = () => run(folder, process.execPath, ['--input-type=module', '-e', ask])
    const printed = await print()
    expect(printed).to.include('definePlugin').and.to.include('ChaCha20Poly1305').and.to.include('ApiClient')
    for (const point of [
      'policyCondition',
      'gatewaySelector',
      'tunnelTransport',
      'identityProvider',
      'upstreamResolver',
      'factSource',
    ]) {
      expect(printed).to.include(`${point}Suite`)
    }
    const ports = await run(folder, process.execPath, ['--input-type=module', '-e', PORTS_ALONE])
    expect(ports).to.equal('answer ECONNREFUSED [secret] 192.0.2.53:53 1\n')
    const failure = await run(folder, process.execPath, ['--input-type=module', '-e', SUITE_ALONE]).catch(String)
    expect(failure).to.include('npm install --save-dev chai fast-check')
    linkPackages(folder, Object.keys(manifest.peerDependencies))
    expect(await print()).to.equal(printed)
    expect(await run(folder, process.execPath, ['--input-type=module', '-e', SUITE_ALONE])).to.equal('true\n')
  })

  it('the published package has of its test kit what the conformance suites need, types too, and no more', async () => {
    const author = join(folder, 'project')
    cpSync(join(root, 'test/fixture/plugin/portreeve-selector-least-loaded'), author, { recursive: true })
    linkPackages(folder, ['@types/mocha', '@types/node'])
    writeFileSync(join(author, 'every-suite.test.ts'), EVERY_SUITE)
    const strictly = ['-p', '.', '--skipLibCheck', 'false', '--types', 'mocha,node', '--lib', 'es2024,dom']
    await run(author, join(root, 'node_modules/.bin/tsc'), strictly)
    const mocha = join(root, 'node_modules/.bin/mocha')
    const printed = await run(author, mocha, ['--reporter', 'json', 'dist/*.test.js'])
    const { stats } = JSON.parse(printed) as { stats: { passes: number; failures: number } }
    expect(stats).to.include({ failures: 0 })
    expect(stats.passes).to.be.greaterThan(4)
    expect(readdirSync(join(installed, 'dist/test/kit'))).not.to.include('portal-fixture.js')
  })
})
