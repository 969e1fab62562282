import { expect } from 'chai'
import { after, afterEach, before, beforeEach, describe, it } from 'mocha'
import type { SignInDesk, SignInReply, SignInStep } from '../../../core/contract/identity-provider.ts'
import { MINUTE } from '../../../core/runtime/time.ts'
import type { TrustedAuthorities } from '../../../core/runtime/trusted-authorities.ts'
import { createSecretFiles } from '../../../hosts/runtime/index.ts'
import { Config } from '../../../plugins/identity-email-otp/config.ts'
import { Kept } from '../../../plugins/identity-email-otp/config.ts'
import { EmailOtp } from '../../../plugins/identity-email-otp/email-otp.ts'
import { identityProviderSuite } from '../../conformance/identity-provider.ts'
import { codeIn, MailSink } from '../../kit/mail-sink.ts'
import { RecordingLogger } from '../../kit/recording-logger.ts'
import { SeededRandom } from '../../kit/seeded-random.ts'
import { MemorySignInRecords, signInDesk } from '../../kit/sign-in-desk.ts'
import { VirtualClock } from '../../kit/virtual-clock.ts'
import { PATIENCE_MS } from '../../kit/patience.ts'

const ADA = 'ada@example.org'
const NOBODY: TrustedAuthorities = { pem: () => [] }
let instances = 0

const open = async (sink: MailSink, logger = new RecordingLogger()) => {
  const config = Config.parse({
    smtp: { host: '127.0.0.1', port: sink.port, tls: 'never' },
    from: 'Portreeve <portreeve@example.org>',
  })
  const random = new SeededRandom(`otp-${instances++}`)
  const provider = new EmailOtp(config, { random, logger, secretFiles: createSecretFiles('.'), authorities: NOBODY })
  await provider.start()
  return provider
}

describe('identity-email-otp against a real SMTP server', () => {
  let sink: MailSink
  let clock: VirtualClock
  let desk: SignInDesk
  let provider: Awaited<ReturnType<typeof open>>
  let logger: RecordingLogger

  before(async () => {
    sink = await MailSink.start()
  })
  after(() => sink.stop())
  beforeEach(async () => {
    sink.mails.length = 0
    clock = new VirtualClock()
    desk = signInDesk([ADA], new MemorySignInRecords(() => clock.unix()))
    logger = new RecordingLogger()
    provider = await open(sink, logger)
  })
  afterEach(() => provider.stop())

  const request = () => ({
    settings: {},
    callbackUrl: 'http://x/',
    sharedCallbackUrl: 'http://127.0.0.1:9/shared',
    now: clock.unix(),
    signal: AbortSignal.timeout(60_000),
    desk,
  })
  const answer = (step: SignInStep<Kept>, fields: Record<string, string>): Promise<SignInStep<Kept>> => {
    if (step.type !== 'prompt') throw new Error(`no prompt: ${JSON.stringify(step)}`)
    const reply: SignInReply<unknown, Kept> = { ...request(), keep: step.keep, url: 'http://x/', fields }
    return provider.proceed(reply)
  }
  const askFor = async (email: string): Promise<SignInStep<Kept>> => answer(await provider.begin(request()), { email })
  const wrong = { code: 'AAAAAA' }

  it('S4 email-otp sends a code of six unmistakable characters, which signs in once', async () => {
    const step = await askFor(ADA)
    const code = codeIn(await sink.mail(0))
    expect(code.replace(' ', '')).to.match(/^[34679ACDEFGHJKMNPQRTUVWXY]{6}$/)
    expect(await answer(step, { code })).to.deep.equal({
      type: 'identified',
      identity: {
        issuer: 'email',
        subject: ADA,
        email: ADA,
        emailVerified: true,
        authentication: { at: clock.unix(), methods: ['otp'] },
      },
    })
    expect(await answer(step, { code })).to.have.nested.property('refusal.code', 'code_over')
  })

  it('S4 email-otp takes the code with blanks, in small letters, and the address in any case', async () => {
    const step = await askFor('  Ada@Example.ORG ')
    const code = codeIn(await sink.mail(0))
    expect((await answer(step, { code: ` ${code.toLowerCase()}\n` })).type).to.equal('identified')
  })

  it('S4 email-otp takes an address that only looks like another one for none: U+212A is no k', async () => {
    expect(await askFor('mar\u212A@example.org')).to.have.nested.property(
      'prompt.problem',
      'That is not an e-mail address.',
    )
  })

  it('S4 email-otp allows three attempts, then not even the right code', async () => {
    let step = await askFor(ADA)
    const code = codeIn(await sink.mail(0))
    for (const left of ['two attempts', 'one attempt']) {
      step = await answer(step, wrong)
      expect(step).to.have.nested.property('prompt.problem').that.includes(left)
    }
    const kept = step
    expect(await answer(step, wrong)).to.have.nested.property('refusal.code', 'code_over')
    expect(await answer(kept, { code })).to.have.nested.property('refusal.code', 'code_over')
  })

  it('S4 email-otp counts attempts that come at once', async () => {
    const step = await askFor(ADA)
    const code = codeIn(await sink.mail(0))
    const ends = await Promise.all([wrong, wrong, wrong, { code }].map((fields) => answer(step, fields)))
    expect(ends.map(({ type }) => type)).not.to.include('identified')
  })

  it('S4 email-otp lets a code be used once even by two at once', async () => {
    const step = await askFor(ADA)
    const code = codeIn(await sink.mail(0))
    const ends = await Promise.all([answer(step, { code }), answer(step, { code })])
    expect(ends.map(({ type }) => type).sort()).to.deep.equal(['identified', 'refused'])
  })

  it('S4 a code is over after 15 minutes', async () => {
    const step = await askFor(ADA)
    const code = codeIn(await sink.mail(0))
    clock.advance(15 * MINUTE)
    expect(await answer(step, { code })).to.have.nested.property('refusal.code', 'code_over')
  })

  it('S4 one code is live in a browser: a newer one ends the older', async () => {
    const first = await askFor(ADA)
    const second = await answer(first, { also: 'yes' })
    const [older, newer] = [codeIn(await sink.mail(0)), codeIn(await sink.mail(1))]
    expect((await answer(first, { code: older })).type).to.equal('refused')
    expect((await answer(second, { code: newer })).type).to.equal('identified')
  })

  it('S4 a code is redeemed by the browser that asked for it only', async () => {
    await askFor(ADA)
    const code = codeIn(await sink.mail(0))
    const elsewhere: SignInStep<Kept> = {
      type: 'prompt',
      prompt: { title: '', text: '', fields: [], submit: '' },
      keep: { address: ADA, challenge: 'x' },
    }
    expect(await answer(elsewhere, { code })).to.have.nested.property('refusal.code', 'code_over')
  })

  it('S4 at most three mails go to an address in five minutes from one place', async () => {
    for (let i = 0; i < 3; i++) await askFor(ADA)
    expect(await askFor(ADA)).to.have.nested.property('refusal.code', 'too_many_mails')
    clock.advance(5 * MINUTE)
    expect((await askFor(ADA)).type).to.equal('prompt')
    await sink.mail(3)
    expect(sink.mails).to.have.length(4)
  })

  it('S4 a stranger who asks for her address keeps nobody from signing in, and ends nobody’s code', async () => {
    const hers = await askFor(ADA)
    const code = codeIn(await sink.mail(0))
    const { records } = desk
    const stranger = signInDesk([ADA], records, '198.51.100.66')
    desk = stranger
    let last = await askFor(ADA)
    for (let i = 0; i < 5; i++) last = await askFor(ADA)
    expect(last).to.have.nested.property('refusal.code', 'too_many_mails')
    desk = signInDesk([ADA], records)
    expect((await answer(hers, { code })).type).to.equal('identified')
    expect((await askFor(ADA)).type).to.equal('prompt')
    await sink.mail(4) // hers, three of the stranger's, hers
  })

  it('S4 wrong answers of one browser cost another’s code no attempt', async () => {
    const hers = await askFor(ADA)
    const code = codeIn(await sink.mail(0))
    let other = await askFor(ADA)
    await sink.mail(1)
    for (let i = 0; i < 3; i++) other = other.type === 'prompt' ? await answer(other, wrong) : other
    expect(other).to.have.nested.property('refusal.code', 'code_over')
    expect((await answer(hers, { code })).type).to.equal('identified')
  })

  it('S4 a code of one browser is none of another’s, though both were mailed to her', async () => {
    const [one, two] = [await askFor(ADA), await askFor(ADA)]
    const [first, second] = [codeIn(await sink.mail(0)), codeIn(await sink.mail(1))]
    expect(await answer(one, { code: second }))
      .to.have.nested.property('prompt.problem')
      .that.includes('two attempts')
    expect((await answer(two, { code: second })).type).to.equal('identified')
    expect((await answer(one, { code: first })).type).to.equal('identified')
  })

  it('S4 many strangers fill no mailbox, and she gets a code where she has signed in before', async () => {
    expect((await answer(await askFor(ADA), { code: codeIn(await sink.mail(0)) })).type).to.equal('identified')
    const { records } = desk
    let refused: SignInStep<Kept> | undefined
    let sent = 0
    for (let place = 0; refused === undefined && place < 100; place++) {
      desk = signInDesk([ADA], records, `198.51.100.${place}`)
      const step = await askFor(ADA)
      if (step.type === 'refused') refused = step
      else sent++
    }
    expect(sent).to.equal(19)
    expect(refused).to.have.nested.property('refusal.code', 'too_many_mails')
    desk = signInDesk([ADA], records)
    expect((await askFor(ADA)).type).to.equal('prompt')
    desk = signInDesk([ADA], records, '203.0.113.1')
    clock.advance(60 * MINUTE)
    expect((await askFor(ADA)).type).to.equal('prompt')
    await sink.mail(21)
  })

  it('S4 email-otp answers an unknown address in the same way at every step, and sends nothing', async () => {
    const transcript = async (email: string) => {
      const steps = [await askFor(email)]
      for (let i = 0; i < 3; i++)
        steps.push(
          await answer(
            steps.at(-1) ?? { type: 'refused', refusal: { code: '', publicText: '', tryAgain: false } },
            wrong,
          ),
        )
      return JSON.stringify(steps)
        .replaceAll(email, '…')
        .replaceAll(/"challenge":"[^"]*"/g, '')
    }
    expect(await transcript('nobody@example.org')).to.equal(await transcript(ADA))
    await sink.mail(0)
    expect(sink.mails.map(({ to }) => to)).to.deep.equal([[ADA]])
  })

  it('S4 email-otp remembers no code in the clear', async () => {
    const seen: string[] = []
    const { records } = desk
    desk = {
      ...desk,
      records: {
        change: (key, work) =>
          records.change(key, (record) => {
            const change = work(record)
            seen.push(JSON.stringify(change))
            return change
          }),
      },
    }
    await askFor(ADA)
    const code = codeIn(await sink.mail(0)).replace(' ', '')
    expect(seen.length).to.be.greaterThan(1)
    expect(seen.join()).not.to.include(code)
  })

  it('email-otp sends to one plain address and to nothing that could be a list or a header', async () => {
    for (const email of [
      '',
      'ada',
      `${ADA}, eve@example.org`,
      `${ADA}\r\nBcc: eve@example.org`,
      '<ada@example.org>',
      '"a b"@example.org',
      `${'a'.repeat(250)}@example.org`,
    ]) {
      expect(await askFor(email), email).to.have.nested.property('prompt.problem')
    }
  })

  it('email-otp logs neither address nor code where the mail server is gone', async () => {
    const gone = await MailSink.start()
    const failing = await open(gone, logger)
    await gone.stop()
    const step = await failing.proceed({ ...request(), keep: {}, url: 'http://x/', fields: { email: ADA } })
    expect(step.type).to.equal('prompt')
    const deadline = Date.now() + PATIENCE_MS
    while (logger.lines.length === 0 && Date.now() < deadline) await new Promise((resolve) => setImmediate(resolve))
    failing.stop()
    expect(logger.lines.map(({ message }) => message)).to.deep.equal(['a sign-in code could not be sent'])
    expect(JSON.stringify(logger.lines)).not.to.include('example.org')
  })
})

describe('identity-email-otp', () => {
  let sink: MailSink
  let shared: Awaited<ReturnType<typeof open>>
  const records = new MemorySignInRecords()
  let people = 0
  let person = ADA
  before(async () => {
    sink = await MailSink.start()
    shared = await open(sink)
  })
  after(async () => {
    shared.stop()
    await sink.stop()
  })

  identityProviderSuite('email-otp', () => ({
    // One mail server connection for all: what is kept between steps is not in the instance.
    create: () => {
      person = `person-${people++}@example.org`
      return shared
    },
    settings: {},
    keep: Kept,
    desk: { knows: () => Promise.resolve(true), records, asker: '192.0.2.1', note: () => undefined },
    callbackUrl: 'http://127.0.0.1:9/callback',
    walk: async (step) => {
      if (step.type !== 'prompt') throw new Error('no prompt')
      if (step.keep.address === undefined) return { url: 'http://127.0.0.1:9/callback', fields: { email: person } }
      const mail = await sink.mailTo(step.keep.address)
      return { url: 'http://127.0.0.1:9/callback', fields: { code: codeIn(mail) } }
    },
    get expected() {
      return { issuer: 'email', subject: person, email: person, emailVerified: true }
    },
  }))
})
