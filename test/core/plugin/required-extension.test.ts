import { expect } from 'chai'
import { describe, it } from 'mocha'
import { OperatorError } from '../../../core/config/operator-error.ts'
import { requiredExtension } from '../../../core/plugin/required-extension.ts'

const wanted = { key: 'wireguard', what: 'tunnel transport', use: 'builtin:transport-wireguard' }

describe('an extension that a host cannot do without', () => {
  it('is what a plugin provides under its key', () => {
    const extension = {
      key: 'wireguard',
      plugin: 'transport-wireguard',
      version: '1.0.0',
      value: 'the transport',
      settings: { safeParse: () => ({ ok: true, settings: {} }) as const, jsonSchema: () => ({}) },
    }
    expect(requiredExtension(new Map([['wireguard', extension]]), wanted)).to.equal('the transport')
  })

  it('stops the start where no plugin provides it, and says what to write', () => {
    expect(() => requiredExtension(new Map(), wanted))
      .to.throw(OperatorError, 'no plugin provides the tunnel transport "wireguard".')
      .that.includes({ code: 'PLUGIN_MISSING', remedy: 'Add to plugins: use: builtin:transport-wireguard' })
  })
})
