import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { ClientConfig } from '../../../hosts/client/config.ts'
import { buildContainer as buildClient } from '../../../hosts/client/container.ts'
import { GatewayConfig } from '../../../hosts/gateway/config.ts'
import { buildContainer as buildGateway } from '../../../hosts/gateway/container.ts'
import { createDnsExchange } from '../../../hosts/runtime/index.ts'
import { createPluginModules } from '../../../hosts/runtime/plugin-modules.ts'
import { PackageFolder } from '../../kit/package-folder.ts'
import { PortalFixture } from '../../kit/portal-fixture.ts'

describe('X2 the ports that a plugin is given', () => {
  const folder = new PackageFolder()
  let portal: PortalFixture

  const writePackage = (name: string, module: string): void => {
    const path = join(folder.path, 'node_modules', name)
    mkdirSync(path)
    writeFileSync(join(path, 'package.json'), JSON.stringify({ name, type: 'module', exports: './index.js' }))
    writeFileSync(join(path, 'index.js'), module)
  }
  const write = (name: string, body: string): void => {
    writePackage(
      `portreeve-${name}`,
      `import { Clock, definePlugin, Logger, Metrics, PolicyConditions, Random } from 'portreeve'
       export const plugin = definePlugin({ name: '${name}', api: 1, setup({ context, provide }) {
         provide(PolicyConditions, '${name}', {
           needs: { clock: Clock, logger: Logger, metrics: Metrics, random: Random },
           create: ({ clock, logger, metrics, random }) => {
             ${body}
             return { evaluate: () => ({ holds: true, reason: 'x' }) }
           },
         })
       } })`,
    )
  }

  before(async () => {
    folder.linkPeers()
    write('condition-rude', `for (const port of [clock, logger, metrics, random, context]) {
      for (const name of [...Object.keys(port), 'more']) {
        try { port[name] = () => { throw new Error('hijacked') } } catch { metrics.count('prevented') }
      }
    }
    logger.with({ plugin: 'another' }).info({}, 'pretends')`) // prettier-ignore
    write('condition-polite', `metrics.count('created', { "at": 'a "quoted" \\u0007 place' })
    metrics.set('bytes', random.bytes(3).length)
    logger.info({ isTime: clock.unix() > 0, folder: context.folder }, 'was created')`) // prettier-ignore
    const plugins = ['condition-rude', 'condition-polite'].map((name) => ({ use: `portreeve-${name}` }))
    portal = await PortalFixture.start({ configFile: folder.configFile, config: { plugins } })
  })
  after(async () => {
    await portal.stop()
    folder.remove()
  })

  it('cannot be changed by another plugin', () => {
    const said = portal.logger.lines.find(({ message }) => message === 'was created')
    expect(said?.fields).to.deep.equal({ plugin: 'condition-polite', isTime: true, folder: folder.path })
  })

  it('say which plugin speaks in each line of the log, whatever it pretends', () => {
    expect(portal.logger.lines.find(({ message }) => message === 'pretends')?.fields).to.deep.equal({
      plugin: 'condition-rude',
    })
  })

  it('show its metrics at /metrics with its name as a label', async () => {
    const text = await (await fetch(`${portal.url}/metrics`)).text()
    expect(text).to.include('\n# TYPE portreeve_plugin_created_total counter\n')
    expect(text).to.include('portreeve_plugin_created_total{at="a \\"quoted\\"   place",plugin="condition-polite"} 1\n')
    expect(text).to.include('portreeve_plugin_bytes{plugin="condition-polite"} 3\n')
    expect(text).to.match(/^portreeve_plugin_prevented_total\{plugin="condition-rude"\} [1-9]\d*$/m)
  })

  it('have the metrics of a client and of a gateway among them, with its name as a label', async () => {
    writePackage('portreeve-resolver-counting', COUNTING)
    const of = { portal_url: 'https://portal.example.org', plugins: [{ use: 'portreeve-resolver-counting' }] }
    const about = { modules: createPluginModules(folder.configFile), version: '0.1.0' }
    const reach = { markFor: () => undefined, exchange: createDnsExchange() }
    const containers = await Promise.all([
      buildClient({ config: ClientConfig.parse(of), ...about }, reach),
      buildGateway({ config: GatewayConfig.parse(of), ...about }),
    ])
    for (const { pluginMetrics } of containers) {
      expect(pluginMetrics.series()).to.deep.equal([
        {
          name: 'portreeve_plugin_created_total',
          type: 'counter',
          labels: { plugin: 'resolver-counting' },
          value: 1,
        },
      ])
    }
  })
})

/** Module of a resolver that counts how often it was created. */
const COUNTING = `
import { definePlugin, Metrics, UpstreamResolvers } from 'portreeve'
export const plugin = definePlugin({ name: 'resolver-counting', api: 1, setup({ provide }) {
  provide(UpstreamResolvers, 'counting', {
    needs: { metrics: Metrics },
    create: ({ metrics }) => {
      metrics.count('created')
      return { resolve: () => Promise.resolve({ type: 'notMine' }) }
    },
  })
} })`
