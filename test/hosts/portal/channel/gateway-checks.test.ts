import { createSocket, type Socket } from 'node:dgram'
import { expect } from 'chai'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { encodeAnswer, readCheck } from '../../../../core/ice/connectivity-check.ts'
import { endpoint } from '../../../../core/runtime/endpoint.ts'
import { decodeStun } from '../../../../core/stun/stun-message.ts'
import { GatewayChecks } from '../../../../hosts/portal/channel/gateway-checks.ts'
import { SystemClock } from '../../../../hosts/runtime/clock.ts'
import { SeededRandom } from '../../../kit/seeded-random.ts'

const client = { username: 'zegv', password: 'czskz6fyfoa6bfv7sqx5ld' }
const gateway = { username: '4zlx', password: 'hcqpxsvioeww7s4udf2ynq' }

describe('checks of gateways that have lost the portal', () => {
  let socket: Socket
  let port: number
  let checks: GatewayChecks
  let answered: (gatewayId: string) => void

  beforeEach(async () => {
    socket = createSocket('udp4')
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
    port = socket.address().port
    answered = () => undefined
    checks = new GatewayChecks({
      clock: new SystemClock(),
      random: new SeededRandom(1),
      answered: (id) => answered(id),
    })
  })
  afterEach(() => {
    checks.stop()
    socket.close()
  })

  it('a gateway is alive that answers a check with its own password, and a stranger’s answer counts for nothing', async () => {
    let received = 0
    const passwords = ['somebody else’s', gateway.password]
    socket.on('message', (datagram, from) => {
      const verdict = decodeStun(datagram)
      if (verdict.type === 'refused') throw new Error(verdict.reason)
      const check = readCheck(verdict.message, { local: gateway, remote: client })
      expect(check).to.deep.include({ type: 'check', nominated: false, role: 'controlling' })
      const password = passwords[Math.min(received++, 1)] ?? ''
      const { transactionId } = verdict.message
      const local = { ...gateway, password }
      const source = endpoint(from.address, from.port)
      socket.send('no STUN', from.port, from.address)
      socket.send(encodeAnswer({ transactionId, source, local, asksForSize: false }), from.port, from.address)
    })
    const heard = new Promise<string>((resolve) => (answered = resolve))
    checks.send('gw', [{ endpoint: endpoint('127.0.0.1', port), client, gateway }])
    expect(await heard).to.equal('gw')
    expect(received).to.be.greaterThan(1)
  })
})
