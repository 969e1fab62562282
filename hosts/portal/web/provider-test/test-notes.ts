import type { JsonValue, NotedClaim, SignInNote } from '../../../../core/contract/identity-provider.ts'
import { visibleCharacters } from '../../../../core/plugin/visible-characters.ts'
import type { Clock } from '../../../../core/runtime/clock.ts'
import type { TestStep } from './provider-test.ts'
import type { Withheld } from './withheld.ts'

const MAX_STEPS = 60
const MAX_CLAIMS = 200
const MAX_MEMBERS = 30
const MAX_CHARACTERS = 500

/** Notes of one test sign-in: by the portal and by the provider's plugin, cut short and without secrets. */
export class TestNotes {
  readonly steps: TestStep[]
  readonly claims: NotedClaim[]
  readonly #withheld: Withheld
  readonly #clock: Clock
  #isClosed = false

  constructor(
    { steps, claims }: { steps: readonly TestStep[]; claims: readonly NotedClaim[] },
    { withheld, clock }: { withheld: Withheld; clock: Clock },
  ) {
    this.steps = [...steps]
    this.claims = [...claims]
    this.#withheld = withheld
    this.#clock = clock
  }

  /** Adds a step. A plugin's note is checked here, as plugins may be written in JavaScript. */
  add({ text, sent, came, claims }: SignInNote): void {
    if (this.#isClosed || this.steps.length >= MAX_STEPS) return
    this.steps.push({
      text: this.#shown(text),
      ...(sent === undefined ? {} : { sent: this.#members(sent) }),
      ...(came === undefined ? {} : { came: this.#members(came) }),
      at: this.#clock.unix(),
    })
    for (const { name, value, becomes } of Array.isArray(claims) ? (claims as readonly NotedClaim[]) : []) {
      if (this.claims.length >= MAX_CLAIMS) return
      this.claims.push({
        name: this.#shown(name),
        value: this.#value(value),
        ...(becomes === undefined ? {} : { becomes }),
      })
    }
  }

  /** Ends the notes: a plugin that goes on after its answer notes nothing more. */
  close(): void {
    this.#isClosed = true
  }

  /** Cuts a text short and takes out what must not be shown. */
  text(text: string): string {
    return this.#shown(text)
  }

  #members(members: Readonly<Record<string, JsonValue>>): Record<string, string> {
    const shown = Object.entries(members).slice(0, MAX_MEMBERS)
    return Object.fromEntries(shown.map(([name, value]) => [this.#shown(name), this.#shown(value)]))
  }

  #value(value: JsonValue): JsonValue {
    if (Array.isArray(value)) return value.slice(0, MAX_CLAIMS).map((each: JsonValue) => this.#shown(each))
    return typeof value === 'boolean' || typeof value === 'number' || value === null ? value : this.#shown(value)
  }

  #shown(value: unknown): string {
    const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '')
    const whole = visibleCharacters(this.#withheld.from(text))
    return whole.length <= MAX_CHARACTERS ? whole : `${whole.slice(0, MAX_CHARACTERS)}…`
  }
}
