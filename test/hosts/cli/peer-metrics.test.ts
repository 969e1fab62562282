import { expect } from 'chai'
import { describe, it } from 'mocha'
import { PluginMetrics } from '../../../core/plugin/plugin-metrics.ts'
import { gatewayMetrics } from '../../../hosts/cli/peer-metrics.ts'
import { gatewayStatusOf } from '../../../hosts/gateway/gateway-status.ts'
import { WireGuardTransport } from '../../../plugins/transport-wireguard/wireguard-transport.ts'
import { VirtualWorld } from '../../kit/virtual-world.ts'

describe('metrics of a gateway', () => {
  it('M4 problems with one code are one series with their number', () => {
    const world = new VirtualWorld({ transport: new WireGuardTransport() })
    world.startGateway('one')
    const gateway = world.gateways.get('one')
    if (gateway === undefined) throw new Error('no gateway')
    const overlap = { code: 'network_overlap', said: 'a network overlaps', remedy: '', blocks: false }
    const status = gatewayStatusOf(gateway.state, {
      portalUrl: '',
      lane: { kind: 'script', reason: '' },
      pluginMetrics: new PluginMetrics(),
      clocks: world.clock.pair(),
      problems: [overlap, { ...overlap, code: 'forward_drop', blocks: true }, overlap],
    })
    const problems = gatewayMetrics(status).filter(({ name }) => name === 'portreeve_gateway_problem')
    expect(problems.map(({ labels, value }) => [labels, value])).to.deep.equal([
      [{ code: 'network_overlap', blocks: 'false' }, 2],
      [{ code: 'forward_drop', blocks: 'true' }, 1],
    ])
  })
})
