import { expect } from 'chai'
import { describe, it } from 'mocha'
import { clientFlowsRehearsal } from '../../../core/flow/client/rehearsal.ts'
import { gatewayFlowsRehearsal } from '../../../core/flow/gateway/rehearsal.ts'
import { rehearseClient } from '../../../hosts/client/rehearsal.ts'
import { rehearseGateway } from '../../../hosts/gateway/rehearsal.ts'
import { rehearsePortal } from '../../../hosts/portal/channel/rehearsal.ts'
import { rehearseLane } from '../../../hosts/runtime/lane/rehearsal.ts'
import { loadAddon } from '../../../hosts/runtime/native/addon.ts'
import { MemoryTransport } from '../../../plugins/transport-memory/memory-transport.ts'
import { WireGuardTransport } from '../../../plugins/transport-wireguard/wireguard-transport.ts'
import { SeededRandom } from '../../kit/seeded-random.ts'

describe('rehearsals at the start of a process', () => {
  const random = new SeededRandom('rehearsal')

  for (const [role, rehearse] of [
    ['client', rehearseClient],
    ['gateway', rehearseGateway],
  ] as const) {
    it(`a ${role} connects to the other end that it rehearses with, whatever its transport and its lane`, () => {
      const common = { random, mtu: 1_408 }
      expect(rehearse({ ...common, transport: new WireGuardTransport(), exportsKeys: true })).to.equal(true)
      expect(rehearse({ ...common, transport: new WireGuardTransport(), exportsKeys: false })).to.equal(true)
      expect(rehearse({ ...common, transport: new MemoryTransport(), exportsKeys: false })).to.equal(true)
    })
  }

  it('a portal grants what it rehearses', () => expect(rehearsePortal({ random })).to.equal(true))

  it('packets pass the lanes that both ends rehearse with, without a device or a socket', () => {
    const addon = loadAddon()
    expect(rehearseLane(addon, clientFlowsRehearsal())).to.equal(true)
    expect(rehearseLane(addon, gatewayFlowsRehearsal())).to.equal(true)
  })
})
