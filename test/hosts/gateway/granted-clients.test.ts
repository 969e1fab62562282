import { expect } from 'chai'
import { describe, it } from 'mocha'
import type { FromPortal } from '../../../core/control/messages.ts'
import { instant, unixTime } from '../../../core/runtime/time.ts'
import { GrantedClients } from '../../../hosts/gateway/granted-clients.ts'

const NOW = instant(0)
const CLIENT = '0c000000-0000-4000-8000-000000000001'
const PRINTER = '0e000000-0000-4000-8000-000000000001'
const SCANNER = '0e000000-0000-4000-8000-000000000002'

const keyOf = (byte: number): string => Buffer.alloc(32, byte).toString('base64')

type Created = Extract<FromPortal<'gateway'>, { event: 'createAuthorization' }>['payload']

const grant = (resourceId: string, publicKey = keyOf(1)): Created => ({
  ref: `ref of ${resourceId}`,
  resource: { type: 'cidr', id: resourceId, name: 'a resource', address: '192.0.2.9/32', filters: [] },
  client: { id: CLIENT, public_key: publicKey, preshared_key: keyOf(2), ipv4: '100.64.0.1', ipv6: 'fd00:2021:1111::1' },
  client_ice_credentials: { username: 'client', password: 'client-password' },
  gateway_ice_credentials: { username: 'gateway', password: 'gateway-password' },
  expires_at: null,
  flow_logs_ingest_token: 'a.b.c',
})

/** Clients of a gateway whose transport and lane do at once what they are told. `said` are the events, in order. */
const settle = () => {
  const clients = new GrantedClients({ clocksAt: () => ({ instant: NOW, unix: unixTime(0) }) })
  const said: string[] = []
  const tell = (input: Parameters<GrantedClients['handle']>[0]): void => {
    clients.handle(input, NOW)
    for (let output = clients.poll(); output !== undefined; output = clients.poll()) {
      if (output.type === 'addTunnel') tell({ type: 'tunnelAdded', grant: output.grant })
      else if (output.type === 'tellCandidates') said.push('candidates')
      else if (output.type === 'say') said.push(output.message.event)
      else if (output.type === 'flowsTold' && output.input.type === 'granted')
        tell({ type: 'granted', peer: output.input.peer, resourceId: output.input.resource.id })
    }
  }
  const saidOf = (created: Created): string[] => {
    said.length = 0
    tell({ type: 'grantReceived', created })
    return [...said]
  }
  return { saidOf, tell }
}

describe('clients that a gateway has been granted to', () => {
  it('a new client is told of candidates before the acknowledgement, with which the portal passes them on', () => {
    expect(settle().saidOf(grant(PRINTER))).to.deep.equal(['candidates', 'authorizationCreated'])
  })

  it('a further resource of a client is acknowledged first: the candidates, told again, wait for nothing', () => {
    const { saidOf } = settle()
    saidOf(grant(PRINTER))
    expect(saidOf(grant(SCANNER))).to.deep.equal(['authorizationCreated', 'candidates'])
  })

  it('a client that has restarted, or that was forgotten meanwhile, is a new one', () => {
    const { saidOf, tell } = settle()
    saidOf(grant(PRINTER))
    expect(saidOf(grant(PRINTER, keyOf(3)))).to.deep.equal(['candidates', 'authorizationCreated'])
    tell({ type: 'removePeer', peer: CLIENT })
    expect(saidOf(grant(PRINTER, keyOf(3)))).to.deep.equal(['candidates', 'authorizationCreated'])
  })
})
