import { expect } from 'chai'
import { afterEach, beforeEach, describe, it } from 'mocha'
import type { ProvidedRelay, RelayProvider } from '../../../../core/contract/relay-provider.ts'
import { endpoint, type Endpoint } from '../../../../core/runtime/endpoint.ts'
import { SECOND } from '../../../../core/runtime/time.ts'
import type { PresentRelay } from '../../../../hosts/portal/decide/relay-choice.ts'
import { relayNotes } from '../../../../hosts/portal/relays/relay-standing.ts'
import { RelayWatch } from '../../../../hosts/portal/relays/relay-watch.ts'
import { StunServer } from '../../../../hosts/portal/stun/stun-server.ts'
import { extensions } from '../../../kit/extensions.ts'
import { RecordingLogger } from '../../../kit/recording-logger.ts'
import { SeededRandom } from '../../../kit/seeded-random.ts'
import { VirtualClock } from '../../../kit/virtual-clock.ts'

const ID = '00000000-0000-4000-9000-000000000001'
const OTHER = '00000000-0000-4000-9000-000000000002'
const BERLIN = { latitude: 52.5, longitude: 13.4 }

/** A provider whose list a test changes. */
class ListedRelays implements RelayProvider {
  #changed: () => void = () => undefined
  #list: unknown = []

  relays(): readonly ProvidedRelay[] {
    if (this.#list instanceof Error) throw this.#list
    return this.#list as ProvidedRelay[]
  }

  credentials(): { username: string; password: string } {
    return { username: 'user', password: 'password' }
  }

  watch(changed: () => void): () => void {
    this.#changed = changed
    return () => (this.#changed = () => undefined)
  }

  lists(list: unknown, { isTold = true } = {}): void {
    this.#list = list
    if (isTold) this.#changed()
  }
}

describe('the portal’s watch over relays', () => {
  let clock: VirtualClock
  let logger: RecordingLogger
  let provider: ListedRelays
  let watch: RelayWatch
  let server: StunServer
  let here: Endpoint
  const told: PresentRelay[][] = []
  let heard: () => void = () => undefined

  const start = (probe = true): void => {
    watch = new RelayWatch({
      providers: extensions<RelayProvider>({ listed: provider }),
      clock,
      random: new SeededRandom(1),
      logger,
      probe,
      placeOf: (address) => (address === '127.0.0.1' ? BERLIN : undefined),
      changed: (relays) => {
        told.push([...relays])
        heard()
      },
    })
    watch.start()
  }
  beforeEach(async () => {
    clock = new VirtualClock()
    logger = new RecordingLogger()
    provider = new ListedRelays()
    told.length = 0
    server = new StunServer({ listen: ['127.0.0.1'], port: 0, clock, logger })
    await server.start()
    here = endpoint('127.0.0.1', server.port ?? 0)
    start()
  })
  afterEach(async () => {
    watch.stop()
    await server.stop()
  })

  /** Resolves with the next list of present relays. */
  const next = async (): Promise<PresentRelay[]> => {
    if (told.length === 0) await new Promise<void>((resolve) => (heard = resolve))
    return told.shift() ?? []
  }
  const relay = (more: Partial<ProvidedRelay> = {}): ProvidedRelay => ({
    id: ID,
    name: 'one',
    endpoints: [here],
    ...more,
  })
  const warnings = (): string[] =>
    logger.lines
      .filter(({ level }) => level === 'warn')
      .map(({ fields, message }) => `${message} ${String(fields['reason'])}`)

  it('a relay is offered with its first answer, in its place, and withdrawn when it falls silent', async () => {
    provider.lists([relay()])
    expect(watch.standings()[0]).to.include({ isOffered: false, problem: `${here} has not answered STUN yet.` })
    expect(await next()).to.deep.equal([{ id: ID, name: 'one', provider: 'listed', endpoints: [here], place: BERLIN }])
    expect(watch.standings()[0]).to.include({ isOffered: true, problem: null })
    expect(relayNotes(watch.standings())).to.deep.equal([])
    await server.stop()
    clock.advance(4 * SECOND)
    expect(await next()).to.deep.equal([])
    const [standing] = watch.standings()
    expect(standing).to.include({ isOffered: false, since: clock.unix() })
    expect(standing?.problem).to.include('see whether the relay runs')
    expect(relayNotes(watch.standings())[0]).to.match(
      /^1 of 1 relays are not offered to peers: peers without a direct path/,
    )
    expect(warnings().join()).to.include('a relay is withdrawn')
  })

  it('of a relay’s endpoints those are offered that answer', async () => {
    const dead = endpoint('127.0.0.1', 9)
    provider.lists([relay({ endpoints: [dead, here] })])
    expect((await next())[0]?.endpoints).to.deep.equal([here])
    clock.advance(4 * SECOND)
    expect(watch.standings()[0]?.problem).to.include(`${dead} does not answer STUN`)
  })

  it('a relay that its provider knows to be present is not probed, nor is any where the portal may send no UDP', async () => {
    const unanswered = endpoint('192.0.2.1', 3478)
    provider.lists([relay({ endpoints: [unanswered], isKnownPresent: true })])
    expect((await next())[0]?.endpoints).to.deep.equal([unanswered])
    watch.stop()
    start(false)
    provider.lists([relay({ id: OTHER, endpoints: [unanswered] })])
    expect((await next()).map(({ id }) => id)).to.include(ID)
    expect((await next())[0]?.id).to.equal(OTHER)
    expect(watch.standings()[0]?.endpoints[0]).to.deep.equal({
      endpoint: unanswered,
      state: 'not_probed',
      isOffered: true,
      since: null,
    })
  })

  it('a relay that its provider does not list any longer is withdrawn at once', async () => {
    provider.lists([relay()])
    await next()
    provider.lists([])
    expect(await next()).to.deep.equal([])
    expect(watch.standings()).to.deep.equal([])
  })

  it('H10 malformed relays are left out and logged once, and the others of the list stay', async () => {
    const rubbish = [
      null,
      7,
      relay({ id: 'no-uuid' }),
      relay({ endpoints: [] }),
      relay({ endpoints: ['relay.example.org:3478' as Endpoint] }),
      relay({ endpoints: [endpoint('192.0.2.1', 0)] }),
      relay({ name: '' }),
      relay({ websocketUrl: 'https://relay.example.org' }),
      relay({ place: { latitude: 91, longitude: 0 } }),
    ]
    provider.lists([...rubbish, relay(), relay({ name: 'twice' })])
    expect((await next()).map(({ name }) => name)).to.deep.equal(['one'])
    const logged = warnings().length
    // The two bad endpoints have one reason, and the relay that is listed twice has another.
    expect(logged).to.equal(rubbish.length)
    provider.lists([...rubbish, relay(), relay({ name: 'twice' })])
    expect(warnings()).to.have.length(logged)
  })

  it('X2 the relays of a provider that fails, or lists no list, stay, and it is asked again within seconds', async () => {
    provider.lists([relay()])
    await next()
    provider.lists(new Error('out of order'))
    provider.lists('relays')
    expect(warnings().join()).to.include('out of order').and.to.include('its relays are no list')
    expect(watch.standings()).to.have.length(1)
    expect(told).to.deep.equal([])
    provider.lists([], { isTold: false })
    clock.advance(5 * SECOND)
    expect(await next()).to.deep.equal([])
  })
})
