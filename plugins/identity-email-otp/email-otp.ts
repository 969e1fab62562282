import {
  MINUTE,
  unixTime,
  type IdentityProvider,
  type KeptState,
  type Logger,
  type Random,
  type SecretFiles,
  type SignInPrompt,
  type SignInReply,
  type SignInRequest,
  type SignInStep,
  type Startable,
  type TrustedAuthorities,
  type UnixTime,
} from 'portreeve'
import { readAddress } from './address.ts'
import type { Config, Kept } from './config.ts'
import { mayMail, noteFamiliar, type MailVerdict } from './mail-limits.ts'
import { equalHashes, hashCode, newCode, readCode } from './one-time-code.ts'
import { PostOffice } from './post-office.ts'

const CODE_LIFE_MS = 15 * MINUTE
const MAX_ATTEMPTS = 3

export interface EmailOtpParts {
  random: Random
  logger: Logger
  secretFiles: SecretFiles
  authorities: TrustedAuthorities
}

/** Identity provider that sends a one-time code by e-mail. */
export class EmailOtp implements IdentityProvider<unknown, Kept>, Startable {
  readonly #random: Random
  readonly #post: PostOffice

  constructor(config: Config, { random, logger, secretFiles, authorities }: EmailOtpParts) {
    this.#random = random
    this.#post = new PostOffice(config, { logger, secretFiles, authorities })
  }

  async start(): Promise<void> {
    await this.#post.open()
  }

  stop(): void {
    this.#post.close()
  }

  begin(_request: SignInRequest): Promise<SignInStep<Kept>> {
    return Promise.resolve(askForAddress())
  }

  async proceed(reply: SignInReply<unknown, Kept>): Promise<SignInStep<Kept>> {
    const { address, challenge } = reply.keep
    if (address === undefined || challenge === undefined) {
      const typed = readAddress(reply.fields['email'] ?? '')
      return typed === undefined ? askForAddress('That is not an e-mail address.') : this.#sendCode(reply, typed)
    }
    if (reply.fields['also'] === 'yes') return this.#sendCode(reply, address)
    return this.#redeem(reply, { address, challenge })
  }

  /**
   * Makes a code for an address, and mails it if the address is known. An unknown address takes the same steps and
   * time, so that answers do not reveal which addresses are known. A code belongs to one browser, where a new code
   * replaces the last; codes of other browsers stay.
   */
  async #sendCode({ desk, now, keep }: SignInReply<unknown, Kept>, address: string): Promise<SignInStep<Kept>> {
    const [code, salt, challenge] = [newCode(this.#random), this.#token(16), this.#token(16)]
    const hash = await hashCode(code, salt)
    const isKnown = await desk.knows(address)
    const verdict = await mayMail({ desk, now }, address)
    desk.note({ text: mailText(isKnown, verdict), sent: { address } })
    const { challenge: before } = keep
    if (verdict !== 'yes') {
      return before === undefined
        ? tooManyMails(ENOUGH_MAILS[verdict])
        : askForCode({ address, challenge: before }, ENOUGH_MAILS[verdict])
    }
    if (before !== undefined) await desk.records.change(`code/${before}`, () => ({ result: undefined }))
    const until = unixTime(now + CODE_LIFE_MS)
    await desk.records.change(`code/${challenge}`, () => ({
      ...keptUntilItsEnd({ address, salt, hash, attempts: 0, until }),
      about: address,
      result: undefined,
    }))
    if (isKnown) this.#post.post(address, code)
    return askForCode({ address, challenge })
  }

  async #redeem(
    { desk, fields, now }: SignInReply<unknown, Kept>,
    asked: { address: string; challenge: string },
  ): Promise<SignInStep<Kept>> {
    const { address, challenge } = asked
    // The attempt is counted before the code is compared, so that simultaneous attempts are counted, too.
    const live = await desk.records.change<KeptState | undefined>(`code/${challenge}`, (record) => {
      if (record === undefined || record['address'] !== address) return { result: undefined }
      const attempts = Number(record['attempts']) + 1
      if (attempts > MAX_ATTEMPTS) return { result: undefined }
      return { ...keptUntilItsEnd({ ...record, attempts }), about: address, result: { ...record, attempts } }
    })
    if (live === undefined) return OVER
    const hash = await hashCode(readCode(fields['code'] ?? ''), String(live['salt']))
    if (!equalHashes(hash, String(live['hash']))) {
      const left = MAX_ATTEMPTS - Number(live['attempts'])
      return left === 0
        ? OVER
        : askForCode(asked, `That is not the code. You have ${left === 1 ? 'one attempt' : 'two attempts'} left.`)
    }
    // A code is good once: of two simultaneous requests, only the one that removes the record is admitted.
    const wasLive = await desk.records.change<boolean>(`code/${challenge}`, (record) => ({
      result: record !== undefined,
    }))
    // An unknown address has a code as well, which was never sent and must not admit anybody.
    if (!wasLive || !(await desk.knows(address))) return OVER
    await noteFamiliar({ desk, now }, address)
    desk.note({ text: 'The code is right, and used up.' })
    const authentication = { at: now, methods: ['otp'] }
    return {
      type: 'identified',
      identity: { issuer: 'email', subject: address, email: address, emailVerified: true, authentication },
    }
  }

  #token(length: number): string {
    return Buffer.from(this.#random.bytes(length)).toString('base64url')
  }
}

/** Says to an admin who tests the provider what a stranger must not be told. */
const mailText = (isKnown: boolean, verdict: MailVerdict): string => {
  if (verdict !== 'yes') return 'No mail is sent: the limit of codes is reached.'
  return isKnown
    ? 'A code is handed to the mail server.'
    : 'No mail is sent: no enabled person of the account has this address. The page says the same in both cases.'
}

/** Returns a change that keeps a record until the time in its field `until`. */
const keptUntilItsEnd = (record: KeptState | undefined): { record?: KeptState; until?: UnixTime } =>
  record === undefined ? {} : { record, until: unixTime(Number(record['until'])) }

const askForAddress = (problem?: string): SignInStep<Kept> => ({
  type: 'prompt',
  prompt: {
    title: 'Sign in by e-mail',
    text: 'Enter your address, and we send you a code.',
    ...(problem === undefined ? {} : { problem }),
    fields: [{ name: 'email', label: 'E-mail address', type: 'email' }],
    submit: 'Send the code',
  },
  keep: {},
})

const askForCode = (keep: { address: string; challenge: string }, problem?: string): SignInStep<Kept> => ({
  type: 'prompt',
  prompt: {
    title: 'Enter the code',
    text: `If ${keep.address} belongs to somebody here, a code is on its way. It is good for 15 minutes, in this browser.`,
    ...(problem === undefined ? {} : { problem }),
    fields: [{ name: 'code', label: 'Code', type: 'code' }],
    submit: 'Sign in',
    also: 'Send a new code',
  } satisfies SignInPrompt,
  keep,
  keptMs: CODE_LIFE_MS,
})

const ENOUGH_MAILS: Readonly<Record<Exclude<MailVerdict, 'yes'>, string>> = {
  asker: 'Three codes were sent within five minutes. Use the newest one, or wait a little.',
  everybody:
    'Too many codes were asked for at this address, from many places. Wait an hour, or sign in from where you have signed in before.',
}

const tooManyMails = (enough: string): SignInStep<Kept> => ({
  type: 'refused',
  refusal: { code: 'too_many_mails', publicText: `${enough} Then begin again.`, tryAgain: true },
})

const OVER: SignInStep<Kept> = {
  type: 'refused',
  refusal: {
    code: 'code_over',
    publicText:
      'This code is over: it was used, replaced by a newer one, older than 15 minutes, or tried too often. Ask for a new one.',
    tryAgain: true,
  },
}
