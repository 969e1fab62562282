import { cpSync, mkdirSync, symlinkSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { describe, it } from 'mocha'
import { parse, stringify } from 'yaml'
import { eventually } from '../../hosts/lab/eventually.ts'
import { PATIENCE_MS } from '../kit/patience.ts'
import { packageRoot } from '../kit/source-tree.ts'
import type { Bed } from './bed/bed.ts'
import { ipv4Of, PUBLIC_HOST, TARGET_HOST } from './bed/topology.ts'
import { useBed } from './bed/use-bed.ts'

const PACKAGE = 'portreeve-resolver-hosts-file'
const builtin = (...names: string[]): { use: string }[] => names.map((name) => ({ use: `builtin:${name}` }))
const PLUGINS = [...builtin('transport-wireguard', 'resolver-system'), { use: PACKAGE }]
const AT_SITE = { type: 'hosts-file', settings: { path: 'site-hosts' } }
const OF_ACCOUNT = { type: 'hosts-file', settings: { path: 'account-hosts' }, match: ['example.net'] }

/** Installs the fixture beside the configuration files, as npm would, and has the portal load it. */
const install = async (bed: Bed): Promise<void> => {
  const modules = join(bed.run.path, 'node_modules')
  mkdirSync(modules)
  symlinkSync(packageRoot(), join(modules, 'portreeve'))
  cpSync(join(packageRoot(), 'test/fixture/plugin', PACKAGE), join(modules, PACKAGE), { recursive: true })
  const file = join(bed.run.path, 'portal.yaml')
  const config = parse(await readFile(file, 'utf8')) as { plugins: object[] }
  await writeFile(file, stringify({ ...config, plugins: [...config.plugins, { use: PACKAGE }] }))
  await bed.stopPart('portal')
  await bed.restartPortal()
}

describe('a resolver plugin that is somebody else’s, in plain JavaScript', function () {
  this.timeout(240_000)
  const target = ipv4Of('site', TARGET_HOST)
  const outside = ipv4Of('outside', PUBLIC_HOST)
  const bed = useBed(async (bed) => {
    await install(bed)
    await bed.run.write('site-hosts', `${target} files.corp.example\n`)
    await bed.run.write('account-hosts', `${outside} fixture.example.net\n`)
    await bed.startGateway('gateway', { settings: { plugins: PLUGINS, resolvers: [AT_SITE, 'system'] } })
    await bed.resource('files', 'files.corp.example')
    await bed.resource('wiki', 'wiki.example.org')
    await bed.startClient('client', { settings: { plugins: PLUGINS } })
    for (const resource of ['files', 'wiki']) await bed.knows(resource)
  })

  it('D10 a foreign resolver finds names of the site by gateway.yaml; names that are none of its own go to the next resolver', async () => {
    for (const name of ['files.corp.example', 'wiki.example.org']) {
      expect(await bed().page(`http://${name}/`), name).to.include({ server: 'target' })
    }
  })

  it("D12 a foreign resolver answers at a client by the account's settings, which the portal validates by its schema", async () => {
    const own = (await bed().status()).dns.upstreams
    await bed().api.patch('account', { upstream_resolvers: [OF_ACCOUNT] })
    const upstreams = await eventually(
      async () => {
        const { dns } = await bed().status()
        return dns.upstreams.length > own.length ? dns.upstreams : undefined
      },
      { what: 'the client has the resolver of the account', timeoutMs: PATIENCE_MS },
    )
    expect(upstreams).to.deep.equal(['the file account-hosts for example.net', ...own])
    const look = async (name: string) => (await bed().machine('client').run('dig', ['+short', name, 'A'])).stdout.trim()
    expect(await look('fixture.example.net')).to.equal(outside)
    expect(await look('upstream.example.net'), "not in the file: the client's own are asked").to.equal(outside)
    expect(await bed().page('http://fixture.example.net/')).to.include({ server: 'public' })
    const refused = bed().api.patch('account', { upstream_resolvers: [{ type: 'hosts-file', settings: {} }] })
    const reason = await refused.then(
      () => 'it was accepted',
      (error: unknown) => String(error),
    )
    expect(reason).to.include('upstream_resolvers[0].settings.path')
  })
})
