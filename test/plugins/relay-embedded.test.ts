import { expect } from 'chai'
import { describe, it } from 'mocha'
import { stampedRelayPassword } from '../../core/crypto/relay-credentials.ts'
import { DAY, unixTime } from '../../core/runtime/time.ts'
import { RelayRegistry, type RelayRegistration } from '../../hosts/portal/relays/relay-registry.ts'
import { EmbeddedRelays } from '../../plugins/relay-embedded/embedded-relays.ts'
import { relayProviderSuite } from '../conformance/relay-provider.ts'
import { keyOf } from '../kit/control-peer.ts'

const STAMP_SECRET = 'example-relay-stamp-secret'

const registration = (number: number, more: Partial<RelayRegistration> = {}): RelayRegistration => ({
  id: `00000000-0000-4000-9000-${String(number).padStart(12, '0')}`,
  name: `relay-${number}`,
  ipv4: `192.0.2.${number}`,
  ipv6: `2001:db8::${number}`,
  port: 3478,
  stampSecret: STAMP_SECRET,
  ...more,
})

let latest = new RelayRegistry()

relayProviderSuite('embedded', {
  create: () => {
    latest = new RelayRegistry()
    latest.registered(registration(1))
    return new EmbeddedRelays({ registered: latest })
  },
  change: () => void latest.registered(registration(2)),
  secrets: [STAMP_SECRET],
  accepts: (_, { username, password }) => stampedRelayPassword({ username, stampSecret: STAMP_SECRET }) === password,
})

describe('relays that have registered', () => {
  it('are offered with what they said of themselves, each with its own secret', () => {
    const registry = new RelayRegistry()
    const provider = new EmbeddedRelays({ registered: registry })
    const websocketUrl = 'wss://relay.example.org/relay'
    registry.registered(registration(1, { isHere: true }))
    registry.registered(
      registration(2, { websocketUrl, accountId: 'account', stampSecret: 'another-relay-stamp-secret' }),
    )
    const [one, two] = provider.relays()
    expect(one).to.deep.include({
      name: 'relay-1',
      endpoints: ['192.0.2.1:3478', '[2001:db8::1]:3478'],
      isKnownPresent: true,
    })
    expect(two).to.deep.include({ websocketUrl, accountId: 'account', isKnownPresent: false })
    const question = { publicKey: keyOf('peer'), salt: 'salt', expiresAt: unixTime(DAY) }
    const [mine, other] = [one, two].map((relay) => provider.credentials({ relayId: relay?.id ?? '', ...question }))
    expect(mine?.username).to.equal('86400:salt').and.to.equal(other?.username)
    expect(mine?.password).not.to.equal(other?.password)
  })

  it('are replaced by a newer one with their id or an endpoint of theirs, in the same account only', () => {
    const registry = new RelayRegistry()
    const replaced: string[] = []
    const register = (name: string, more: Partial<RelayRegistration>) =>
      registry.registered(registration(1, { name, ...more }), () => replaced.push(name))
    const first = register('first', { accountId: 'a' })
    register('of another account', { accountId: 'b' })
    register('same id', { accountId: 'a', ipv4: '192.0.2.9', ipv6: '2001:db8::9' })
    expect(replaced).to.deep.equal(['first'])
    register('same endpoint', { accountId: 'a', id: registration(2).id, ipv4: '192.0.2.9', ipv6: undefined })
    expect(replaced).to.deep.equal(['first', 'same id'])
    first.gone()
    expect(registry.list().map(({ name }) => name)).to.deep.equal(['of another account', 'same endpoint'])
  })

  it('do not show their secrets where they are printed', () => {
    const registry = new RelayRegistry()
    registry.registered(registration(1))
    expect(JSON.stringify(registry.list())).not.to.include(STAMP_SECRET)
  })
})
