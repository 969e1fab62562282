import type { SignInRecords } from '../../../../core/contract/identity-provider.ts'
import type { Clock } from '../../../../core/runtime/clock.ts'
import { MINUTE, unixTime } from '../../../../core/runtime/time.ts'
import type { Store } from '../../store/store.ts'
import type { Seal } from '../http/seal.ts'
import type { ProviderTest } from './provider-test.ts'

/** Time for which a test can go on, and what it showed can be looked at. */
export const TEST_LIFE_MS = 15 * MINUTE

/** Maximum length of a sealed test: its steps and claims, cut short, and the plugin's settings. */
const MAX_CHARACTERS = 400_000

/** Account, provider and id of a test. */
export interface TestPlace {
  accountId: string
  providerId: string
  id: string
}

/**
 * Tests of providers under way and just finished: sealed, beside the provider's own records of unfinished sign-ins, and gone after
 * `TEST_LIFE_MS`.
 */
export class TestRecords {
  readonly #store: Pick<Store, 'signInRecords'>
  readonly #seal: Seal
  readonly #clock: Clock

  constructor(store: Pick<Store, 'signInRecords'>, { seal, clock }: { seal: Seal; clock: Clock }) {
    this.#store = store
    this.#seal = seal
    this.#clock = clock
  }

  async keep(test: ProviderTest): Promise<void> {
    const { accountId, id: providerId } = test.provider
    const change = this.#sealed(test)
    await this.#records({ accountId, providerId }).change(keyOf(test.id), () => ({ ...change, result: undefined }))
  }

  async find(place: TestPlace): Promise<ProviderTest | undefined> {
    return this.#change(place, () => undefined)
  }

  /** Takes a test on from a state, once: of two answers at the same time, one gets it. */
  async take(place: TestPlace, from: 'away' | 'asks'): Promise<ProviderTest | undefined> {
    const test = await this.#change(place, (found) =>
      found.state.type === from ? { ...found, state: { type: 'working' } } : undefined,
    )
    return test?.state.type === from ? test : undefined
  }

  /** Reads a test, and replaces it by the one that `next` returns. */
  async #change(
    place: TestPlace,
    next: (test: ProviderTest) => ProviderTest | undefined,
  ): Promise<ProviderTest | undefined> {
    return this.#records(place).change<ProviderTest | undefined>(keyOf(place.id), (record) => {
      const opened = record === undefined ? undefined : this.#seal.open(keyOf(place.id), String(record['sealed']))
      if (record === undefined || opened === undefined) return { result: undefined }
      const test = JSON.parse(opened) as ProviderTest
      const replaced = next(test)
      if (replaced !== undefined) return { ...this.#sealed(replaced), result: test }
      return { record, until: unixTime(Number(record['until'])), result: test }
    })
  }

  #sealed(test: ProviderTest) {
    const until = unixTime(this.#clock.unix() + TEST_LIFE_MS)
    return { record: { sealed: this.#seal.seal(keyOf(test.id), JSON.stringify(test)), until }, until }
  }

  #records({ accountId, providerId }: Omit<TestPlace, 'id'>): SignInRecords {
    return this.#store.signInRecords({ accountId, providerId, maxCharacters: MAX_CHARACTERS })
  }
}

const keyOf = (id: string): string => `portal/test/${id}`
