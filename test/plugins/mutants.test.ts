import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import type { SignInReply } from '../../core/contract/identity-provider.ts'
import { coturnPassword } from '../../core/crypto/relay-credentials.ts'
import { createSecretFiles } from '../../hosts/runtime/index.ts'
import { DAYS, Settings } from '../../plugins/condition-time-window/config.ts'
import { TimeWindow } from '../../plugins/condition-time-window/time-window.ts'
import { Config, Kept } from '../../plugins/identity-email-otp/config.ts'
import { EmailOtp } from '../../plugins/identity-email-otp/email-otp.ts'
import { WireGuardTransport } from '../../plugins/transport-wireguard/wireguard-transport.ts'
import { factSourceSuite } from '../conformance/fact-source.ts'
import { identityProviderSuite } from '../conformance/identity-provider.ts'
import { policyConditionSuite } from '../conformance/policy-condition.ts'
import { relayProviderSuite } from '../conformance/relay-provider.ts'
import { checksOf } from '../conformance/runner.ts'
import { tunnelTransportSuite } from '../conformance/tunnel-transport.ts'
import { lateEnd, missingEnd, ownClock, ownClockWithoutEnd } from '../fixture/mutant/conditions.ts'
import { throwingProvider } from '../fixture/mutant/providers.ts'
import * as relays from '../fixture/mutant/relays.ts'
import {
  churns,
  Duty,
  failsOpen,
  ignoresSignal,
  neverChanges,
  neverSettles,
  outsideSchema,
  OwnDuty,
  rightSource,
  Rota,
  TrimmedDuty,
  tripsOverKeys,
  watchesOn,
  wrongKind,
} from '../fixture/mutant/sources.ts'
import {
  constantEphemerals,
  constantNonce,
  eternalKeys,
  zeroDataKeys,
  zeroExportedKeys,
} from '../fixture/mutant/transports.ts'
import { failedChecks } from '../kit/failed-checks.ts'
import { codeIn, MailSink } from '../kit/mail-sink.ts'
import { RecordingLogger } from '../kit/recording-logger.ts'
import { SeededRandom } from '../kit/seeded-random.ts'
import { MemorySignInRecords } from '../kit/sign-in-desk.ts'

describe('X3 the conformance suites find broken plugins', () => {
  describe('transports', () => {
    const mutants = [
      {
        what: 'a nonce that never changes',
        create: constantNonce,
        check: 'never uses a key with the same nonce again',
      },
      { what: 'data keys of zeros', create: zeroDataKeys, check: 'never uses a key with the same nonce again' },
      { what: 'data keys of zeros', create: zeroDataKeys, check: 'has data keys that follow from both private keys' },
      {
        what: 'exported keys of zeros',
        create: zeroExportedKeys,
        check: 'exports, if it exports any, keys that are new',
      },
      {
        what: 'ephemeral keys that never change',
        create: constantEphemerals,
        check: 'never uses a key with the same nonce',
      },
      { what: 'keys that are never renewed', create: eternalKeys, check: 'makes new keys while packets go on' },
      { what: 'keys that never end', create: eternalKeys, check: 'ends keys that it cannot renew' },
      { what: 'keys that never end', create: eternalKeys, check: 'forgets keys' },
    ]
    for (const { what, create, check } of mutants) {
      it(`with ${what}: "${check}" fails`, async () => {
        expect(
          await failedChecks(
            checksOf(() => tunnelTransportSuite('broken', create)),
            check,
          ),
        ).not.to.deep.equal([])
      })
    }

    it('no conformance check fails for WireGuard as it is', async () => {
      const checks = checksOf(() => tunnelTransportSuite('whole', () => new WireGuardTransport()))
      expect(await failedChecks(checks, 'secrecy')).to.deep.equal([])
    })
  })

  describe('conditions', () => {
    const checks = (create: () => TimeWindow) =>
      checksOf(() =>
        policyConditionSuite('time', {
          create,
          schema: Settings,
          settings: [
            { timezone: 'Europe/Berlin', ranges: [{ days: [...DAYS], from: '09:00', to: '17:00' }] },
            { ranges: [{ days: ['sun'], from: '22:00', to: '06:00' }] },
          ],
          refused: [],
        }),
      )
    const mutants = [
      { what: 'an end that is an hour late', create: lateEnd, check: 'gives an end that is a boundary' },
      { what: 'no end', create: missingEnd, check: 'never says that it holds without an end' },
      {
        what: "a verdict by the machine's clock",
        create: ownClock,
        check: 'judges by the moment that it is asked about',
      },
      { what: "a verdict by the machine's clock", create: ownClock, check: 'gives an end that is a boundary' },
      {
        what: "a verdict by the machine's clock and no end",
        create: ownClockWithoutEnd,
        check: 'judges by the moment',
      },
    ]
    for (const { what, create, check } of mutants) {
      it(`with ${what}: "${check}" fails`, async () => {
        expect(await failedChecks(checks(create as () => TimeWindow), check)).to.have.length(1)
      })
    }

    it('no conformance check fails for the condition as it is', async () => {
      expect(
        await failedChecks(
          checks(() => new TimeWindow()),
          '',
        ),
      ).to.deep.equal([])
    })
  })

  describe('relay providers', () => {
    const { RELAY_SECRET: secret } = relays
    const checks = (make: typeof relays.rightRelays) =>
      checksOf(() =>
        relayProviderSuite('one relay', {
          create: make,
          secrets: [secret],
          accepts: (_, { username, password }) => coturnPassword({ secret, username }) === password,
          ...(make === relays.saysNoChange ? { change: () => undefined } : {}),
          patienceMs: 50,
        }),
      )
    const mutants = [
      { what: 'another id at each time', make: relays.otherIds, check: 'lists the same while nothing changes' },
      { what: 'a name for an address', make: relays.namesForEndpoints, check: 'each well-formed' },
      { what: 'one password for all', make: relays.oneForAll, check: 'gives each peer credentials of its own' },
      { what: 'its secret for a password', make: relays.oneForAll, check: 'nor a secret of the relay' },
      {
        what: 'passwords that are drawn',
        make: relays.drawnPasswords,
        check: 'the same credentials to the same question',
      },
      { what: 'passwords that are drawn', make: relays.drawnPasswords, check: 'those that the relay takes' },
      { what: 'public keys in user names', make: relays.publicKeysShown, check: 'neither their public key' },
      { what: 'a promise', make: relays.promised, check: 'makes credentials at once' },
      { what: 'credentials for anything', make: relays.forAnyRelay, check: 'throws for a relay that it does not list' },
      { what: 'a watch that never calls', make: relays.saysNoChange, check: 'says so when its list changes' },
    ]
    for (const { what, make, check } of mutants) {
      it(`with ${what}: "${check}" fails`, async () => {
        expect(await failedChecks(checks(make), check)).to.have.length(1)
      })
    }

    it('no conformance check fails for the provider as it is', async () => {
      expect(await failedChecks(checks(relays.rightRelays), '')).to.deep.equal([])
    })
  })

  describe('fact sources', () => {
    const checks = (make: typeof rightSource, fact = Duty) =>
      checksOf(() => {
        let rota = new Rota()
        factSourceSuite('rota', {
          create: () => make((rota = new Rota())),
          fact,
          keys: ['ada@example.org'],
          values: [[], [{ rota: 'database', ends: 1 }]],
          refused: [null, 'database', [{ rota: 'database' }]],
          unreachable: () => make(new Rota('fails')),
          silent: () => make(new Rota('silent')),
          change: () => rota.change(),
          patienceMs: 50,
        })
      })
    const mutants = [
      { what: 'no answer at all', make: neverSettles, check: 'answers in time' },
      { what: 'no ear for its signal', make: ignoresSignal, check: 'gives up as soon as its signal aborts' },
      { what: 'values outside its schema', make: outsideSchema, check: 'a snapshot of its fact’s kind' },
      { what: 'a value in place of a table', make: wrongKind, check: 'a snapshot of its fact’s kind' },
      { what: 'values that churn', make: churns, check: 'says the same, to the letter' },
      { what: 'nobody on call where its origin fails', make: failsOpen, check: 'rejects where its origin fails' },
      { what: 'a prototype for a person', make: tripsOverKeys, check: 'does not trip over keys' },
      { what: 'a watch that goes on', make: watchesOn, check: 'ends its watch at once' },
      { what: 'a watch that never calls', make: neverChanges, check: 'ends its watch at once' },
    ]
    for (const { what, make, check } of mutants) {
      it(`with ${what}: "${check}" fails`, async () => {
        expect(await failedChecks(checks(make), check)).to.have.length(1)
      })
    }

    it('with a transform in the schema: "changes nothing" fails', async () => {
      expect(await failedChecks(checks(rightSource, TrimmedDuty), 'changes nothing')).to.have.length(1)
    })

    it('no conformance check fails for the source as it is, nor for one of a client’s machine', async () => {
      expect(await failedChecks(checks(rightSource), '')).to.deep.equal([])
      const own = checksOf(() =>
        factSourceSuite('own', {
          create: () => ({ refresh: () => Promise.resolve({ value: 'database' }) }),
          fact: OwnDuty,
          values: ['database'],
          refused: [7],
          unreachable: () => ({ refresh: () => Promise.reject(new Error('it cannot be read')) }),
        }),
      )
      expect(await failedChecks(own, '')).to.deep.equal([])
    })
  })

  describe('identity providers', () => {
    const CALLBACK = 'http://127.0.0.1:9/callback'
    const records = new MemorySignInRecords()
    let sink: MailSink
    let right: EmailOtp
    let people = 0

    before(async () => {
      sink = await MailSink.start()
      const smtp = { host: '127.0.0.1', port: sink.port, tls: 'never' }
      right = new EmailOtp(Config.parse({ smtp, from: 'Portreeve <portreeve@example.org>' }), {
        random: new SeededRandom('mutants'),
        logger: new RecordingLogger(),
        secretFiles: createSecretFiles('.'),
        authorities: { pem: () => [] },
      })
      await right.start()
    })
    after(async () => {
      right.stop()
      await sink.stop()
    })

    const checks = (isOdd: (reply: SignInReply<unknown, Kept>) => boolean) =>
      checksOf(() =>
        identityProviderSuite('broken', () => {
          const person = `person-${people}@example.org`
          return {
            create: () => {
              people++
              return throwingProvider(right, isOdd)
            },
            settings: {},
            keep: Kept,
            desk: { knows: () => Promise.resolve(true), records, asker: '192.0.2.1', note: () => undefined },
            callbackUrl: CALLBACK,
            walk: async (step) => {
              if (step.type !== 'prompt') throw new Error('no prompt')
              if (step.keep.address === undefined) return { url: CALLBACK, fields: { email: person } }
              return { url: CALLBACK, fields: { code: codeIn(await sink.mailTo(step.keep.address)) } }
            },
            expected: { issuer: 'email', subject: person, email: person, emailVerified: true },
          }
        }),
      )
    const mutants = [
      { what: 'every reply', isOdd: () => true, check: 'identifies the person' },
      {
        what: 'one that declines',
        isOdd: ({ url }: { url: string }) => new URL(url).searchParams.get('error') === 'access_denied',
        check: 'never throws for a reply that is nearly the right one',
      },
      {
        what: 'one without the field',
        isOdd: ({ fields, keep }: { fields: object; keep: Kept }) =>
          keep.address !== undefined && Object.keys(fields).length === 0,
        check: 'never throws for a reply that is nearly the right one',
      },
      {
        what: 'one that is very long',
        isOdd: ({ fields }: { fields: object }) => JSON.stringify(fields).length > 5_000,
        check: 'never throws for a reply that is nearly the right one',
      },
    ]
    for (const { what, isOdd, check } of mutants) {
      it(`a provider that throws at proceed for ${what} fails the check "${check}"`, async () => {
        expect(await failedChecks(checks(isOdd), check)).to.have.length(1)
      })
    }

    it('no conformance check fails for the provider as it is', async () => {
      expect(
        await failedChecks(
          checks(() => false),
          'never throws',
        ),
      ).to.deep.equal([])
    })
  })
})
