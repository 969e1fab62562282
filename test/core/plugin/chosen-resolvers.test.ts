import { expect } from 'chai'
import { describe, it } from 'mocha'
import { OperatorError } from '../../../core/config/operator-error.ts'
import { parseConfig } from '../../../core/config/parse-config.ts'
import { chosenResolvers } from '../../../core/plugin/chosen-resolvers.ts'
import { ClientConfig } from '../../../hosts/client/config.ts'
import { GatewayConfig } from '../../../hosts/gateway/config.ts'
import { resolverPlugins } from '../../kit/resolver-plugins.ts'

const plugins = resolverPlugins(['system', 'udp'])

/** Resolvers that a configuration file with this key chooses. */
const chosen = (resolvers?: unknown) => {
  const config = parseConfig(ClientConfig, { portal_url: 'https://portal.example.org', resolvers }, 'client.yaml')
  return chosenResolvers(plugins, config.resolvers).map(({ extension, settings, match }) => ({
    key: extension.key,
    settings,
    ...(match && { match }),
  }))
}
const refusal = (resolvers: unknown): OperatorError => {
  try {
    chosen(resolvers)
  } catch (error) {
    if (error instanceof OperatorError) return error
    throw error
  }
  throw new Error('they were chosen')
}

describe('the resolvers that a configuration file names', () => {
  it("resolvers of a configuration file are the system's own servers by default, at a client and at a gateway", () => {
    expect(chosen()).to.deep.equal([{ key: 'system', settings: {} }])
    const { resolvers } = parseConfig(GatewayConfig, { portal_url: 'https://portal.example.org' }, 'gateway.yaml')
    expect(resolvers).to.deep.equal([{ type: 'system', settings: {} }])
  })

  it('resolvers of a configuration file are keys, or keys with settings and domains, in their order', () => {
    const corp = { type: 'udp', settings: { address: '192.0.2.53' }, match: ['corp.example'] }
    expect(chosen([corp, 'system'])).to.deep.equal([
      { key: 'udp', settings: { address: '192.0.2.53', port: 53 }, match: ['corp.example'] },
      { key: 'system', settings: {} },
    ])
  })

  it('resolvers of a configuration file may be on the machine itself', () => {
    const settings = { address: '127.0.0.1', port: 5353 }
    expect(chosen([{ type: 'udp', settings }])).to.deep.equal([{ key: 'udp', settings }])
  })

  it('resolvers of a configuration file stop the start where no plugin provides one, with a list of those that there are', () => {
    expect(refusal(['system', 'hosts-file'])).to.include({
      code: 'PLUGIN_CHOICE',
      message:
        'resolvers[1]: no plugin provides the upstream resolver "hosts-file". The plugins provide: system, udp. ' +
        'Name one of these in resolvers, or add its plugin to plugins: builtin:resolver-NAME, or an npm package.',
    })
  })

  it("resolvers of a configuration file stop the start where settings do not fit the plugin's schema, with their place", () => {
    expect(refusal(['udp'])).to.include({ code: 'CONFIG_INVALID' })
    const message = refusal([{ type: 'udp', settings: { address: '169.254.169.253', port: 0 } }]).message
    expect(message).to.include('resolvers[0].settings.address: is link-local')
    expect(message).to.include('resolvers[0].settings.port: ')
    expect(refusal([{ type: 'system', settings: { address: '192.0.2.53' } }]).message).to.include(
      'resolvers[0].settings: unrecognized keys: "address"',
    )
    expect(refusal([{ type: 'udp', match: ['*.example.org'] }]).code).to.equal('CONFIG_INVALID')
  })
})
