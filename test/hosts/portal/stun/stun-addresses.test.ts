import { expect } from 'chai'
import { beforeEach, describe, it } from 'mocha'
import { MINUTE } from '../../../../core/runtime/time.ts'
import { openStun } from '../../../../hosts/portal/stun/open-stun.ts'
import { StunAddresses } from '../../../../hosts/portal/stun/stun-addresses.ts'
import { StunConfig } from '../../../../hosts/portal/stun/stun-config.ts'
import { RecordingLogger } from '../../../kit/recording-logger.ts'
import { SeededRandom } from '../../../kit/seeded-random.ts'
import { VirtualClock } from '../../../kit/virtual-clock.ts'

describe('the addresses of the portal’s STUN server', () => {
  const clock = new VirtualClock()
  let logger: RecordingLogger
  let told: string[][]
  let found: () => Promise<string[]>

  beforeEach(() => {
    logger = new RecordingLogger()
    told = []
  })

  /** Begins to find addresses, and waits until the first look-up has ended. */
  const begin = async (advertised: readonly string[] = []): Promise<StunAddresses> => {
    const addresses = new StunAddresses({
      host: 'portal.example.org',
      port: 3478,
      advertised,
      lookUp: () => found(),
      clock,
      logger,
      changed: (servers) => told.push([...servers]),
    })
    addresses.start()
    await settled()
    return addresses
  }
  const settled = () => new Promise((resolve) => setImmediate(resolve))

  it('H11 peers are told the addresses of the portal’s host, again whenever they have changed, and not for their order', async () => {
    found = () => Promise.resolve(['203.0.113.10', '2001:db8::10', '127.0.1.1'])
    const addresses = await begin()
    const both = ['[2001:db8::10]:3478', '203.0.113.10:3478']
    expect(told).to.deep.equal([both])
    found = () => Promise.resolve(['2001:db8::10', '203.0.113.10'])
    clock.advance(5 * MINUTE)
    await settled()
    expect(told.length).to.equal(1)
    found = () => Promise.resolve(['203.0.113.11'])
    clock.advance(5 * MINUTE)
    await settled()
    expect(told.at(-1)).to.deep.equal(['203.0.113.11:3478'])
    addresses.stop()
    expect(clock.nextAlarm()).to.equal(undefined)
  })

  it('what is configured is told instead, and nothing is looked up', async () => {
    found = () => Promise.reject(new Error('looked up'))
    await begin(['203.0.113.12'])
    expect(told).to.deep.equal([['203.0.113.12:3478']])
    expect(logger.lines).to.deep.equal([])
  })

  for (const [what, answer] of [
    ['is this machine itself', () => Promise.resolve(['127.0.1.1'])],
    ['is not found', () => Promise.reject(new Error('ENOTFOUND'))],
  ] as const) {
    it(`M4 a portal whose host ${what} says once that peers are told of no server, and looks again`, async () => {
      found = answer
      const addresses = await begin()
      clock.advance(MINUTE)
      await settled()
      expect(logger.lines.map(({ message }) => message)).to.have.length(1)
      expect(logger.lines[0]?.message).to.contain('stun.advertised_addresses')
      found = () => Promise.resolve(['203.0.113.10'])
      clock.advance(MINUTE)
      await settled()
      expect(told).to.deep.equal([['203.0.113.10:3478']])
      addresses.stop()
    })
  }
})

describe('whether a portal has a STUN server', () => {
  const has = (publicUrl: string, config?: StunConfig | false): boolean =>
    openStun({
      config,
      relay: undefined,
      publicUrl,
      random: new SeededRandom(1),
      register: () => ({ gone: () => undefined }),
      sourceOf: () => '192.0.2.1',
      clock: new VirtualClock(),
      logger: new RecordingLogger(),
      changed: () => undefined,
    }) !== undefined

  it('it has one by default, unless its public URL is this machine itself', () => {
    for (const url of ['https://portal.example.org', 'http://192.0.2.1:8080', 'http://[2001:db8::1]:8080'])
      expect(has(url), url).to.equal(true)
    for (const url of ['http://127.0.0.1:8080', 'http://localhost:8080', 'http://[::1]:8080', 'http://a.localhost'])
      expect(has(url), url).to.equal(false)
  })

  it('the configuration overrides that, both ways', () => {
    expect(has('https://portal.example.org', false)).to.equal(false)
    expect(has('http://127.0.0.1:8080', StunConfig.parse({}))).to.equal(true)
    const another = StunConfig.parse({ listen: [], advertised_addresses: ['203.0.113.9'] })
    expect(has('https://portal.example.org', another), 'another one').to.equal(true)
  })
})
