import { expect } from 'chai'
import { describe, it } from 'mocha'
import { OperatorError } from '../../../core/config/operator-error.ts'
import { chosenExtension } from '../../../core/plugin/chosen-extension.ts'
import { extensions } from '../../kit/extensions.ts'

describe('X1 the choice of one among several plugins', () => {
  const choose = (keys: readonly string[], key?: string) =>
    chosenExtension(extensions(Object.fromEntries(keys.map((each) => [each, each]))), {
      key,
      what: 'tunnel transport',
      setting: 'transport',
      prefix: 'transport-',
    })
  const refused = (keys: readonly string[], key?: string): OperatorError => {
    try {
      choose(keys, key)
    } catch (error) {
      if (error instanceof OperatorError) return error
      throw error
    }
    throw new Error('it was chosen')
  }

  it('X1 the chosen plugin is the only one there is, or the one that the configuration names', () => {
    expect(choose(['memory']).value).to.equal('memory')
    expect(choose(['memory'], 'memory').value).to.equal('memory')
    expect(choose(['wireguard', 'memory'], 'memory').value).to.equal('memory')
  })

  it('X1 the start stops where the choice of a plugin is not clear, and lists the plugins there are', () => {
    expect(refused(['wireguard', 'memory'])).to.include({
      code: 'PLUGIN_CHOICE',
      message:
        'the plugins provide more than one tunnel transport: wireguard, memory. Write which one to use: transport: wireguard',
    })
    expect(refused(['wireguard'], 'memory')).to.include({
      code: 'PLUGIN_MISSING',
      message: 'no plugin provides the tunnel transport "memory". The plugins provide: wireguard.',
    })
    expect(refused([])).to.include({
      code: 'PLUGIN_MISSING',
      remedy: 'Add to plugins: use: builtin:transport-NAME. It may be an npm package as well.',
    })
  })
})
