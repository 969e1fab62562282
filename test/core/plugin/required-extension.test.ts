import { expect } from 'chai'
import { describe, it } from 'mocha'
import { OperatorError } from '../../../core/config/operator-error.ts'
import { requiredExtension } from '../../../core/plugin/required-extension.ts'
import { extensions } from '../../kit/extensions.ts'

const wanted = { key: 'system', what: 'resolver', use: 'builtin:resolver-system' }

describe('an extension that a host cannot do without', () => {
  it('a required extension is the one that a plugin provides under its key', () => {
    expect(requiredExtension(extensions({ system: 'the resolver' }), wanted)).to.equal('the resolver')
  })

  it('a required extension that no plugin provides stops the start with what to write', () => {
    expect(() => requiredExtension(new Map(), wanted))
      .to.throw(OperatorError, 'no plugin provides the resolver "system".')
      .that.includes({ code: 'PLUGIN_MISSING', remedy: 'Add to plugins: use: builtin:resolver-system' })
  })
})
