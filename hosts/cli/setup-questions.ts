import { createInterface } from 'node:readline/promises'
import { OperatorError } from '../../core/config/operator-error.ts'
import { Secret } from '../../core/runtime/secret.ts'
import { readSecretFile } from '../runtime/secret-file.ts'
import type { CommandContext } from './context.ts'
import { hiddenLine } from './hidden-line.ts'

/** Question whose answer a flag gives, or a person at the terminal. */
export interface Question<T> {
  /** Flag that answers it: `--admin-email`. */
  flag: string
  /** Value of the flag, if it was given. */
  given: string | undefined
  /** Question for a person: `E-mail address of the first admin`. */
  text: string
  /** Answer of who gives none; undefined if one is needed. */
  fallback?: string | undefined
  /** Reads an answer. Throws an Error with the reason if it is none. */
  read: (text: string) => T
}

/** Asks for what flags have not said: at a terminal, or not at all. */
export class Questions {
  readonly #ask: ((question: string) => Promise<string>) | undefined
  readonly #askHidden: (question: string) => Promise<string>
  readonly #missing: string[] = []

  /** Nobody is asked without a terminal, or with `isSilent`: fallbacks count, and flags without one are missing. */
  constructor({ ask, readHidden, output }: CommandContext, { isSilent }: { isSilent: boolean }) {
    const isTerminal = ask !== undefined || (process.stdin.isTTY && process.stderr.isTTY)
    this.#ask = isSilent || !isTerminal ? undefined : (ask ?? onTerminal)
    this.#askHidden = async (question) => {
      output.tell(`${question} (it is not shown as you type it):`)
      return (readHidden ?? hiddenLine)()
    }
  }

  /** Whether a person is asked. */
  get isAsking(): boolean {
    return this.#ask !== undefined
  }

  /** Returns the answer to a question. Where none is to be had, notes the flag and returns undefined: see `finish`. */
  async answer<T>({ flag, given, text, fallback, read }: Question<T>): Promise<T | undefined> {
    if (given !== undefined) return readOr(read, given, (why) => refusedFlag(flag, given, why))
    const ask = this.#ask
    if (ask === undefined) {
      if (fallback === undefined) {
        this.#missing.push(flag)
        return undefined
      }
      return readOr(read, fallback, (why) => refusedFlag(flag, fallback, why))
    }
    for (let hint = ''; ;) {
      const said = (await ask(`${hint}${text}${fallback === undefined ? '' : ` [${fallback}]`}: `)).trim()
      try {
        return read(said === '' && fallback !== undefined ? fallback : said)
      } catch (error) {
        hint = `${error instanceof Error ? error.message : String(error)}\n`
      }
    }
  }

  /** Returns a secret: from the file of a flag, mode 0600, or typed without echo; undefined if `isOptional` and there is none. */
  async secret(
    flag: string,
    given: string | undefined,
    { text, isOptional }: { text: string; isOptional: boolean },
  ): Promise<Secret | undefined> {
    if (given !== undefined) return readSecretFile({ path: given, name: flag })
    if (this.#ask === undefined) {
      if (!isOptional) this.#missing.push(flag)
      return undefined
    }
    const said = (await this.#askHidden(text)).trim()
    if (said === '' && !isOptional) throw new OperatorError('USAGE', `no answer was given: ${text}.`)
    return said === '' ? undefined : new Secret(said)
  }

  /** Ends the questions. @throws OperatorError SETUP_MISSING with all flags that are missing */
  finish(): void {
    if (this.#missing.length === 0) return
    throw new OperatorError(
      'SETUP_MISSING',
      `there is nobody to ask, and these are missing: ${this.#missing.join(', ')}.`,
      'Give them as options, or run it at a terminal without --yes.',
    )
  }
}

const readOr = <T>(read: (text: string) => T, text: string, otherwise: (why: string) => Error): T => {
  try {
    return read(text)
  } catch (error) {
    throw otherwise(error instanceof Error ? error.message : String(error))
  }
}

const refusedFlag = (flag: string, value: string, why: string): OperatorError =>
  new OperatorError('USAGE', `${flag} ${value}: ${why}`)

const onTerminal = async (question: string): Promise<string> => {
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return await terminal.question(question)
  } finally {
    terminal.close()
  }
}
