import { createHash } from 'node:crypto'
import { MINUTE, unixTime, type Random, type SignInReply, type SignInStep } from 'portreeve'
import type { FormConfig, Kept } from './config.ts'

/** Answers that may be tried for one name from one place within `TRIES_WITHIN_MS`. */
const MAX_TRIES = 10
const TRIES_WITHIN_MS = 15 * MINUTE
/** Time for which a page may be answered. */
const PAGE_LIFE_MS = 5 * MINUTE
const MAX_FIELD_CHARACTERS = 1_000

type Desk = Pick<SignInReply, 'desk' | 'now'>

/** Result of reading the answer to a page: the next page, or all fields with the name of the form. */
export type FormAnswer = { page: SignInStep<Kept> } | { page?: undefined; answer: Answer; form: string }

/** Fields of the form by name. */
export type Answer = Readonly<Record<string, string>>

/** Form of a strategy, on two pages: the first field, who it is, then the others. */
export class Form {
  readonly #config: FormConfig
  readonly #random: Random

  constructor(config: FormConfig, random: Random) {
    this.#config = config
    this.#random = random
  }

  first(problem?: string): SignInStep<Kept> {
    const { text, fields } = this.#config
    const isWhole = fields.length === 1
    return this.#page({
      text,
      fields: fields.slice(0, 1),
      keep: isWhole ? { form: this.#newName() } : {},
      submit: isWhole ? 'Sign in' : 'Next',
      problem,
    })
  }

  /** Reads the answer to the page that kept `keep`. */
  read(keep: Kept, fields: Answer): FormAnswer {
    const [first, ...others] = this.#config.fields
    const asked = keep.form === undefined || others.length === 0 ? [first] : others
    const typed = asked.map((field) => [field?.name ?? '', ownText(fields, field?.name ?? '')] as const)
    const isWhole = typed.every(([, text]) => text.trim() !== '' && text.length <= MAX_FIELD_CHARACTERS)
    const { form, name = '' } = keep
    if (form === undefined) {
      const [[, typedName] = ['', '']] = typed
      return {
        page: isWhole
          ? this.#rest({ form: this.#newName(), name: typedName.trim() })
          : this.first('Fill in the field.'),
      }
    }
    if (!isWhole)
      return {
        page:
          others.length === 0 ? this.first('Fill in the field.') : this.#rest({ form, name }, 'Fill in all fields.'),
      }
    const answer = Object.fromEntries(others.length === 0 ? typed : [[first?.name ?? '', name], ...typed])
    return { answer, form }
  }

  /** Shows the last page again, after an answer that the strategy refused. */
  again({ form, name }: Kept, problem: string): SignInStep<Kept> {
    return name === undefined || form === undefined ? this.first(problem) : this.#rest({ form, name }, problem)
  }

  /** Methods of an authentication by this form. */
  get methods(): readonly string[] {
    return this.#config.methods
  }

  /**
   * Counts a try for the name in the first field, and returns whether it is allowed. Tries are counted for each place, so that nobody
   * else's tries keep a person out.
   */
  async mayTry(answer: Answer, { desk, now }: Desk): Promise<boolean> {
    return desk.records.change<boolean>(this.#tries(answer, desk), (record) => {
      const tries = Number(record?.['tries'] ?? 0) + 1
      const until = Number(record?.['until'] ?? now + TRIES_WITHIN_MS)
      return { record: { tries, until }, until: unixTime(until), result: tries <= MAX_TRIES }
    })
  }

  /** Forgets the tries for a name, and returns whether the form signs in for the first time: it may be sent twice. */
  async signsIn(form: string, answer: Answer, { desk, now }: Desk): Promise<boolean> {
    await desk.records.change(this.#tries(answer, desk), () => ({ result: undefined }))
    return desk.records.change<boolean>(`used/${digest([form])}`, (record) => ({
      record: { used: true },
      until: unixTime(now + PAGE_LIFE_MS),
      result: record === undefined,
    }))
  }

  #tries(answer: Answer, { asker }: Desk['desk']): string {
    const [first] = this.#config.fields
    return `tries/${digest([ownText(answer, first?.name ?? '').toLowerCase(), asker])}`
  }

  #rest(keep: { form: string; name: string }, problem?: string): SignInStep<Kept> {
    const fields = this.#config.fields.slice(1)
    return this.#page({ text: `You sign in as ${keep.name}.`, fields, keep, submit: 'Sign in', problem })
  }

  #page({
    text,
    fields,
    keep,
    submit,
    problem,
  }: {
    text: string
    fields: FormConfig['fields']
    keep: Kept
    submit: string
    problem: string | undefined
  }): SignInStep<Kept> {
    const { title } = this.#config
    const prompt = { title, text, ...(problem === undefined ? {} : { problem }), fields, submit }
    return { type: 'prompt', prompt, keep, keptMs: PAGE_LIFE_MS }
  }

  #newName(): string {
    return Buffer.from(this.#random.bytes(16)).toString('base64url')
  }
}

const ownText = (fields: Answer, name: string): string => (Object.hasOwn(fields, name) ? (fields[name] ?? '') : '')

const digest = (parts: readonly unknown[]): string =>
  createHash('sha256').update(JSON.stringify(parts)).digest('base64url')
