import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { PackageFolder } from '../../kit/package-folder.ts'
import { PortalFixture } from '../../kit/portal-fixture.ts'

describe('X2 the ports that a plugin is given', () => {
  const folder = new PackageFolder()
  let portal: PortalFixture

  const write = (name: string, body: string): void => {
    const module = join(folder.path, 'node_modules', `portreeve-${name}`)
    mkdirSync(module)
    writeFileSync(join(module, 'package.json'), JSON.stringify({ name: `portreeve-${name}`, type: 'module', exports: './index.js' })) // prettier-ignore
    writeFileSync(
      join(module, 'index.js'),
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
})
