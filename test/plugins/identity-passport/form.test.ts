import { expect } from 'chai'
import { before, beforeEach, describe, it } from 'mocha'
import type { SignInRequest, SignInStep } from '../../../core/contract/identity-provider.ts'
import { MINUTE, unixTime } from '../../../core/runtime/time.ts'
import { Kept } from '../../../plugins/identity-passport/config.ts'
import type { PassportProvider } from '../../../plugins/identity-passport/passport-provider.ts'
import { identityProviderSuite } from '../../conformance/identity-provider.ts'
import { PASSPORT_CALLBACK, passportReply, passportRequest, startedPassport } from '../../kit/passport-provider.ts'
import { RecordingLogger } from '../../kit/recording-logger.ts'
import { signInDesk } from '../../kit/sign-in-desk.ts'

const LOCAL = { package: 'passport-local', verify: './verify-local.mjs', form: {}, issuer: 'the directory' }
const PASSWORD = 'correct horse'

const answerTo = (step: SignInStep<Kept>): Record<string, string> => {
  const [field] = step.type === 'prompt' ? step.prompt.fields : []
  return field?.name === 'password' ? { password: PASSWORD } : { username: 'ada' }
}

describe('identity-passport with passport-local, by a form', () => {
  let provider: PassportProvider
  const logger = new RecordingLogger()
  before(async () => {
    provider = await startedPassport({ ...LOCAL, profile: { groups: 'groups' } }, logger)
  })

  identityProviderSuite<unknown, Kept>('passport-local', () => ({
    create: () => provider,
    keep: Kept,
    settings: {},
    callbackUrl: PASSPORT_CALLBACK,
    walk: (step) => Promise.resolve({ url: PASSPORT_CALLBACK, fields: answerTo(step) }),
    expected: {
      issuer: 'the directory',
      subject: 'ada',
      name: 'Ada Example',
      email: 'ada@example.org',
      emailVerified: true,
      groups: ['staff'],
    },
  }))

  let request: SignInRequest<unknown>
  beforeEach(() => {
    request = passportRequest()
  })
  const answer = async (keep: Kept, fields: Record<string, string>, more: object = {}): Promise<SignInStep<Kept>> =>
    provider.proceed(passportReply(keep, { fields }, { ...request, ...more }))
  /** Answers both pages. */
  const signIn = async (username: string, password: string, more: object = {}): Promise<SignInStep<Kept>> => {
    const step = await answer({}, { username }, more)
    return step.type === 'prompt' ? answer(step.keep, { password }, more) : step
  }

  it('the name is asked for first, then the password, and the time of the answer is that of the authentication', async () => {
    const first = await provider.begin(request)
    expect(first).to.have.nested.property('prompt.fields[0].name', 'username')
    const second = await answer({}, { username: ' ada ' })
    expect(second).to.have.nested.property('prompt.text', 'You sign in as ada.')
    expect(second).to.have.nested.property('prompt.fields[0].type', 'password')
    const at = unixTime(request.now + MINUTE)
    expect(await signIn('ada', PASSWORD, { now: at }))
      .to.have.nested.property('identity.authentication')
      .that.deep.equals({ at, methods: ['pwd'] })
  })

  it('a wrong password asks again, in words that tell nothing, and no log line has what was typed', async () => {
    const desk = signInDesk()
    for (const name of ['ada', 'nobody'])
      expect(await signIn(name, 'wrong horse', { desk })).to.have.nested.property(
        'prompt.problem',
        'That is not right. Try again.',
      )
    expect(JSON.stringify(logger.lines)).to.contain('not the password: [secret]').and.not.contain('wrong horse')
  })

  it('a directory that fails is a failure of the provider, and its error does not tell what was typed', async () => {
    const step = await signIn('broken', 'wrong horse')
    expect(step).to.have.nested.property('refusal.code', 'provider_failed')
    expect(step).to.have.nested.property('refusal.detail', 'the directory is gone, and [secret] was typed')
  })

  it('ten passwords may be tried for one name from one place, and nobody else is kept out by it', async () => {
    const desk = signInDesk()
    for (let tries = 0; tries < 10; tries++)
      expect((await signIn(tries % 2 === 0 ? 'ada' : 'ADA', 'wrong', { desk })).type).to.equal('prompt')
    expect(await signIn('ada', PASSWORD, { desk })).to.have.nested.property('refusal.code', 'too_many_tries')
    expect((await signIn('ada', PASSWORD, { desk: signInDesk([], desk.records, '192.0.2.2') })).type).to.equal(
      'identified',
    )
    const again = await signIn('ada', PASSWORD, { desk })
    expect(again, 'it is her own place that is kept out').to.have.nested.property('refusal.code', 'too_many_tries')
  })

  it('a form signs in once, even if it is sent twice at the same time', async () => {
    const step = await answer({}, { username: 'ada' })
    const keep = step.type === 'prompt' ? step.keep : {}
    const more = { desk: signInDesk() }
    const ends = await Promise.all([1, 2].map(async () => answer(keep, { password: PASSWORD }, more)))
    expect(ends.map(({ type }) => type).toSorted()).to.deep.equal(['identified', 'refused'])
  })

  it('a form of one field is one page', async () => {
    const fields = [{ name: 'username', label: 'Card', type: 'code' }]
    const one = await startedPassport({ ...LOCAL, form: { fields } })
    const step = await one.begin(request)
    if (step.type !== 'prompt') throw new Error(step.type)
    expect(step.prompt.fields).to.deep.equal(fields)
    const next = await one.proceed(passportReply(step.keep, { fields: { username: 'ada' } }))
    expect(next, 'passport-local misses the password').to.have.nested.property('prompt.problem')
  })

  it('a verify may be an async function', async () => {
    const byPromise = await startedPassport({ ...LOCAL, verify: './verify-by-promise.mjs' })
    const first = await byPromise.proceed(passportReply({}, { fields: { username: 'ada' } }))
    const keep = first.type === 'prompt' ? first.keep : {}
    const right = await byPromise.proceed(passportReply(keep, { fields: { password: PASSWORD } }))
    expect(right).to.have.nested.property('identity.subject', 'ada')
    const wrong = await byPromise.proceed(passportReply(keep, { fields: { password: 'x' } }))
    expect(wrong).to.have.nested.property('refusal.detail', 'the directory is gone')
  })
})
