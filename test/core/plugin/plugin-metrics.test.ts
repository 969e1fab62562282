import { expect } from 'chai'
import { describe, it } from 'mocha'
import { PluginMetrics } from '../../../core/plugin/plugin-metrics.ts'
import { rubbish } from '../../kit/rubbish.ts'
import { unhandledRejections } from '../../kit/unhandled-rejections.ts'

describe("metrics of plugins' own", () => {
  it('have the plugin as a label, which the plugin cannot replace', () => {
    const all = new PluginMetrics()
    const mail = all.with({ plugin: 'identity-mail' })
    mail.count('mails_sent', { outcome: 'ok' })
    mail.count('mails_sent', { outcome: 'ok' }, 2)
    mail.with({ plugin: 'other' }).count('mails_sent', { plugin: 'other', outcome: 'ok' })
    mail.set('queue', 3)
    mail.set('queue', 1)
    expect(all.series()).to.deep.equal([
      {
        name: 'portreeve_plugin_mails_sent_total',
        type: 'counter',
        labels: { outcome: 'ok', plugin: 'identity-mail' },
        value: 4,
      },
      { name: 'portreeve_plugin_queue', type: 'gauge', labels: { plugin: 'identity-mail' }, value: 1 },
    ])
  })

  it('leave out what is malformed, and never throw', async () => {
    const all = new PluginMetrics()
    const mine = all.with({ plugin: 'p' }) as unknown as Record<
      'count' | 'set' | 'with',
      (...args: unknown[]) => unknown
    >
    const rejections = await unhandledRejections(() => {
      for (const value of rubbish()) {
        if (value instanceof Promise) value.catch(() => undefined)
        mine.count(value)
        mine.set(value, 1)
        mine.set('odd', Object.is(value, -0) ? undefined : value)
        mine.count('odd', { label: value === '' || typeof value === 'string' ? 1 : value })
        mine.count('odd', {}, typeof value === 'number' ? -1 : (value ?? 'x'))
        mine.with(value)
      }
      for (const name of ['Upper', 'a-b', '1st', 'x_total', '__proto__', 'x'.repeat(64)]) mine.count(name)
    })
    expect(rejections).to.deep.equal([])
    expect(all.series()).to.deep.equal([])
  })

  it('are at most 1,000 series of each plugin', () => {
    const all = new PluginMetrics()
    for (const plugin of ['greedy', 'modest']) {
      const mine = all.with({ plugin })
      for (let n = 0; n < (plugin === 'greedy' ? 5_000 : 10); n++) mine.count('seen', { at: String(n) })
    }
    expect(all.series()).to.have.length(1_010)
  })
})
