import { expect } from 'chai'
import { describe, it } from 'mocha'
import { OperatorError } from '../../../core/config/operator-error.ts'
import { parseConfig } from '../../../core/config/parse-config.ts'
import { LabPlugins, mergedConfig } from '../../../hosts/lab/lab-plugins.ts'

const problems = (value: unknown): string => {
  try {
    parseConfig(LabPlugins, value, 'lab.yaml')
    return ''
  } catch (error) {
    if (error instanceof OperatorError) return error.message
    throw error
  }
}

const merged = (host: 'portal' | 'client' | 'gateway', file: object) => {
  const packaged = { mtu: 1408, plugins: [{ use: 'builtin:a' }, { use: 'builtin:b' }] }
  const own = { name: 'adas-laptop', plugins: [{ use: 'builtin:c' }] }
  return mergedConfig(host, packaged, own, { ...parseConfig(LabPlugins, file, 'lab.yaml'), folder: '/plugins' })
}

describe('the file of portreeve lab --plugins', () => {
  it('is merged into the configuration of each host, with the plugins of all and those of the host behind its own', () => {
    const file = {
      plugins: [{ use: 'portreeve-x' }],
      transport: 'x',
      client: { mtu: 1280, plugins: [{ use: 'portreeve-y' }] },
    }
    const uses = (...names: string[]) => names.map((use) => ({ use }))
    expect(merged('client', file)).to.deep.equal({
      name: 'adas-laptop',
      mtu: 1280,
      transport: 'x',
      plugins: uses('builtin:a', 'builtin:b', 'builtin:c', 'portreeve-x', 'portreeve-y'),
    })
    expect(merged('portal', file)).to.deep.equal({
      name: 'adas-laptop',
      mtu: 1408,
      plugins: uses('builtin:a', 'builtin:b', 'builtin:c', 'portreeve-x'),
    })
  })

  it('gives another configuration to a plugin that a host has already', () => {
    const { plugins } = merged('gateway', { plugins: [{ use: 'builtin:b', config: { fast: true } }] })
    expect(plugins).to.deep.equal([
      { use: 'builtin:a' },
      { use: 'builtin:b', config: { fast: true } },
      { use: 'builtin:c' },
    ])
  })

  it('is refused with the place of what is wrong, and with what may stand there', () => {
    expect(problems({ transports: 'x' }))
      .to.include('"transports"')
      .and.to.include('transport')
    expect(problems({ client: { portal_url: 'http://x' } })).to.include('client.portal_url: the lab sets this itself')
    expect(problems({ gateway: { plugins: [{ name: 'x' }] } })).to.include('gateway.plugins[0]')
    expect(problems({ account: { conditions: [{ settings: {} }] } })).to.include('account.conditions[0].condition')
    expect(problems({})).to.equal('')
  })
})
