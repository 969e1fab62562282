import type {
  ProvidedRelay,
  RelayCredentials,
  RelayCredentialsQuestion,
  RelayProvider,
} from '../../core/contract/relay-provider.ts'
import { ListedRelay, MAX_RELAY_CREDENTIAL_CHARACTERS } from '../../core/control/listed-relay.ts'
import { sha256 } from '../../core/crypto/hash.ts'
import { toBase64, toUnpaddedBase64 } from '../../core/crypto/text-encoding.ts'
import { DAY, SECOND, unixTime } from '../../core/runtime/time.ts'
import { expect, fc } from './libraries.ts'
import { after, describe, it } from './runner.ts'
import { within } from './within.ts'

type Made = RelayProvider | Promise<RelayProvider>

export interface RelayProviderSuite {
  /** Makes a provider that lists at least one relay, and does not change its list by itself. */
  create: () => Made
  /** Changes the list of the provider made last; for providers that have `watch`. */
  change?: () => Promise<void> | void
  /** Secrets of the relays, which neither lists nor credentials may contain. */
  secrets?: readonly string[]
  /** Whether a relay takes credentials, as it computes by itself; left out where nobody knows. */
  accepts?: (relayId: string, credentials: RelayCredentials) => boolean
  /** Milliseconds until the provider says that its list has changed; 10,000 by default. */
  patienceMs?: number
}

const NOBODYS_RELAY = '00000000-0000-4000-8000-00000000dead'

/** Tests that every relay provider passes. */
export const relayProviderSuite = (name: string, suite: RelayProviderSuite): void => {
  const { change, secrets = [], accepts, patienceMs = 10_000 } = suite
  describe(`relay provider ${name}`, () => {
    const running: RelayProvider[] = []
    const begin = async (): Promise<RelayProvider> => {
      const provider = await suite.create()
      running.push(provider)
      await (provider as Partial<{ start: () => Promise<void> | void }>).start?.()
      return provider
    }
    after(async () => {
      for (const provider of running.splice(0)) {
        await (provider as Partial<{ stop: () => Promise<void> | void }>).stop?.()
      }
    })
    const firstOf = (provider: RelayProvider): ProvidedRelay => {
      const [relay] = provider.relays()
      if (relay === undefined) throw new Error('the suite needs a provider that lists a relay')
      return relay
    }

    /** Peers, and times at which their credentials expire. */
    const question = fc
      .record({ key: fc.uint8Array({ minLength: 32, maxLength: 32 }), days: fc.integer({ min: 1, max: 30_000 }) })
      .map(({ key, days }) => {
        const publicKey = toBase64(key)
        return { publicKey, salt: toUnpaddedBase64(sha256(publicKey)), expiresAt: unixTime(days * DAY + 7 * SECOND) }
      })
    const asked = (relayId: string, of: Omit<RelayCredentialsQuestion, 'relayId'>): RelayCredentialsQuestion =>
      Object.freeze({ relayId, ...of })

    it('a relay provider lists its relays at once, each well-formed and with an id of its own', async () => {
      const relays: unknown = (await begin()).relays()
      expect(relays).to.be.an('array').with.length.greaterThan(0)
      for (const relay of relays as unknown[]) ListedRelay.parse(relay)
      const ids = (relays as ProvidedRelay[]).map(({ id }) => id)
      expect(new Set(ids).size).to.equal(ids.length)
      for (const id of ids) expect(id, 'in lower case').to.equal(id.toLowerCase())
    })

    it('a relay provider lists the same while nothing changes, another instance too: peers know relays by their ids', async () => {
      const provider = await begin()
      const listed = JSON.stringify(provider.relays())
      expect(JSON.stringify(provider.relays())).to.equal(listed)
      expect(JSON.stringify((await begin()).relays())).to.equal(listed)
    })

    it('a relay provider makes credentials at once, of at most 512 characters each', async () => {
      const provider = await begin()
      const { id } = firstOf(provider)
      fc.assert(
        fc.property(question, (of) => {
          const made: unknown = provider.credentials(asked(id, of))
          expect(made).not.to.have.property('then')
          const { username, password } = made as RelayCredentials
          for (const text of [username, password]) {
            expect(text).to.be.a('string').with.length.within(1, MAX_RELAY_CREDENTIAL_CHARACTERS)
          }
        }),
      )
    })

    it('a relay provider gives the same credentials to the same question: a peer that connects again keeps its allocation', async () => {
      const [provider, other] = [await begin(), await begin()]
      const { id } = firstOf(provider)
      fc.assert(
        fc.property(question, (of) => {
          const made = provider.credentials(asked(id, of))
          expect(provider.credentials(asked(id, of))).to.deep.equal(made)
          expect(other.credentials(asked(id, of))).to.deep.equal(made)
        }),
      )
    })

    it('a relay provider gives each peer credentials of its own', async () => {
      const provider = await begin()
      const { id } = firstOf(provider)
      fc.assert(
        fc.property(question, question, (one, other) => {
          fc.pre(one.publicKey !== other.publicKey)
          const [mine, yours] = [one, other].map((of) => provider.credentials(asked(id, of)))
          expect(mine?.username).not.to.equal(yours?.username)
          expect(mine?.password).not.to.equal(yours?.password)
        }),
      )
    })

    it('a relay provider’s credentials are those that the relay takes', async () => {
      if (accepts === undefined) return
      const provider = await begin()
      const { id } = firstOf(provider)
      fc.assert(
        fc.property(question, (of) => {
          const { username, password } = provider.credentials(asked(id, of))
          expect(accepts(id, { username, password })).to.equal(true)
          expect(accepts(id, { username, password: `${password}x` }), 'another password').to.equal(false)
        }),
      )
    })

    it('a relay provider shows peers neither their public key nor a secret of the relay', async () => {
      const provider = await begin()
      const { id } = firstOf(provider)
      const hidden = (text: string, of: readonly string[]): void => {
        for (const secret of of) expect(text).not.to.include(secret)
      }
      hidden(JSON.stringify(provider.relays()), secrets)
      fc.assert(
        fc.property(question, (of) => {
          hidden(JSON.stringify(provider.credentials(asked(id, of))), [...secrets, of.publicKey])
        }),
      )
    })

    it('a relay provider throws for a relay that it does not list', async () => {
      const provider = await begin()
      const [of] = fc.sample(question, 1)
      if (of === undefined) throw new Error('no sample')
      for (const relayId of [NOBODYS_RELAY, '', '__proto__']) {
        expect(() => provider.credentials(asked(relayId, of)), relayId).to.throw()
      }
    })

    it('a relay provider that watches says so when its list changes, and ends its watch at once', async () => {
      const provider = await begin()
      if (provider.watch === undefined) {
        expect(change, 'a provider without watch is never told of a change').to.equal(undefined)
        return
      }
      let calls = 0
      let changed = (): void => undefined
      const end = provider.watch(() => {
        calls++
        changed()
      })
      if (change !== undefined) {
        const told = new Promise<void>((resolve) => (changed = resolve))
        const before = JSON.stringify(provider.relays())
        await change()
        await within(patienceMs, told, 'word of the change')
        expect(JSON.stringify(provider.relays())).not.to.equal(before)
      }
      end()
      end()
      const sofar = calls
      await change?.()
      expect(calls).to.equal(sofar)
    })
  })
}
