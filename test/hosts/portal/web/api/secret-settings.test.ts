import { expect } from 'chai'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'mocha'
import { PackageFolder } from '../../../../kit/package-folder.ts'
import { PortalFixture } from '../../../../kit/portal-fixture.ts'

const NAME = 'portreeve-condition-keyed'
const PLUGIN = `
import { definePlugin, PolicyConditions, GatewaySelectors, UpstreamResolvers, z } from 'portreeve'
const secret = () => z.string().meta({ writeOnly: true }).optional()
const settings = z.strictObject({ allowAll: z.boolean(), apiKey: secret(), nested: z.strictObject({ password: secret() }).optional() })
class Keyed { evaluate() { return { holds: true, reason: 'it holds' } } }
class First { select({ candidates }) { return { gatewayId: candidates[0].id, reason: 'the first' } } }
export const plugin = definePlugin({ name: 'condition-keyed', api: 1, setup({ provide }) {
  provide(PolicyConditions, 'keyed', { settings, create: () => new Keyed() })
  provide(GatewaySelectors, 'first', { settings, create: () => new First() })
  provide(UpstreamResolvers, 'keyed', { settings, create() { throw new Error('a portal asks nobody') } })
} })
`

describe('settings that may only be written', () => {
  const folder = new PackageFolder()
  let portal: PortalFixture
  let site: { id: string }
  let policy: { id: string }

  before(async () => {
    folder.linkPeers()
    const module = join(folder.path, 'node_modules', NAME)
    mkdirSync(module)
    writeFileSync(
      join(module, 'package.json'),
      JSON.stringify({ name: NAME, version: '1.0.0', type: 'module', main: 'index.js' }),
    )
    writeFileSync(join(module, 'index.js'), PLUGIN)
    portal = await PortalFixture.start({ configFile: folder.configFile, config: { plugins: [{ use: NAME }] } })
    const settings = (secret: string) => ({
      allowAll: true,
      apiKey: `${secret} one`,
      nested: { password: `${secret} two` },
    })
    site = await portal.create('/sites', { name: 'Main', selector: 'first', selector_settings: settings('SELECTOR') })
    const group = await portal.create('/groups', { name: 'Staff' })
    const address = { type: 'dns', address: 'wiki.example.org', site_id: site.id }
    const resource = await portal.create('/resources', { name: 'Wiki', ...address })
    policy = await portal.create('/policies', {
      group_id: group.id,
      resource_id: resource.id,
      conditions: [{ condition: 'keyed', settings: settings('CONDITION') }],
    })
  })
  after(async () => {
    await portal.stop()
    folder.remove()
  })

  it('write-only settings of upstream resolvers are shown nowhere, and are told to be other ones', async () => {
    const resolver = (secret: string) => ({ type: 'keyed', settings: { allowAll: true, apiKey: `RESOLVER ${secret}` } })
    const shown = { type: 'keyed', settings: { allowAll: true } }
    for (const secret of ['one', 'two']) {
      const { body } = await portal.api('PATCH', '/account', { upstream_resolvers: [resolver(secret)] })
      expect(body.upstream_resolvers).to.deep.equal([shown])
    }
    const trail = (await portal.api('GET', `/audit_log?entity_id=${portal.account.id}`)).body.data
    const audited = (apiKey: string) => [{ type: 'keyed', settings: { allowAll: true, apiKey } }]
    expect(trail[0].details).to.deep.equal({
      before: { upstream_resolvers: audited('[secret]') },
      after: { upstream_resolvers: audited('[secret, changed]') },
    })
    expect(JSON.stringify(trail)).not.to.contain('RESOLVER')
  })

  it('write-only settings are shown nowhere, at whatever depth, and stay where they are left out', async () => {
    const open = { allowAll: false, nested: {} }
    await portal.api('PATCH', `/sites/${site.id}`, { selector_settings: open })
    const patched = await portal.api('PATCH', `/policies/${policy.id}`, {
      conditions: [{ condition: 'keyed', settings: open }],
    })
    expect(patched.body.conditions).to.deep.equal([{ condition: 'keyed', settings: open }])
    expect((await portal.api('GET', `/sites/${site.id}`)).body.selector_settings).to.deep.equal(open)
    await portal.api('DELETE', `/policies/${policy.id}`)
    const trail = JSON.stringify((await portal.api('GET', '/audit_log?limit=100')).body)
    for (const secret of ['SELECTOR one', 'SELECTOR two', 'CONDITION one', 'CONDITION two']) {
      expect(JSON.stringify([site, policy, patched.body]), secret).not.to.contain(secret)
      expect(trail, secret).not.to.contain(secret)
    }
  })

  it('write-only settings are in the audit trail by their plugin’s names for them, and that they are there', async () => {
    const trail = (await portal.api('GET', '/audit_log?limit=100')).body.data as {
      entity: string
      action: string
      details: { before: Record<string, unknown>; after: Record<string, unknown> }
    }[]
    const of = (entity: string) => trail.find((each) => each.entity === entity && each.action === 'updated')?.details
    const hidden = { apiKey: '[secret]', nested: { password: '[secret]' } }
    expect(of('sites')).to.deep.equal({
      before: { selector_settings: { ...hidden, allowAll: true } },
      after: { selector_settings: { ...hidden, allowAll: false } },
    })
    expect(of('policies')?.after).to.deep.equal({
      conditions: [{ condition: 'keyed', settings: { ...hidden, allowAll: false } }],
    })
  })
})
