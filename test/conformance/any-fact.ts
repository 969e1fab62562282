import type { Arbitrary } from 'fast-check'
import { Facts, type Fact, type Reads } from '../../core/contract/facts.ts'
import { unixTime } from '../../core/runtime/time.ts'
import { fc } from './libraries.ts'

/** A fact as a host makes it. */
export const factOf = (value: unknown): Fact<unknown> => ({ value, source: 'portal', since: unixTime(0) })

/**
 * Any value that a fact may have, plausible or not; one of the samples for a fact that a plugin brings.
 * @throws Error for a fact that a plugin brings, without samples
 */
export const anyValueOf = ({ name }: Reads<unknown>, samples: readonly unknown[] = []): Arbitrary<unknown> => {
  const arbitrary = values().get(name)
  if (arbitrary !== undefined) return arbitrary
  if (samples.length > 0) return fc.constantFrom(...samples)
  throw new Error(`hosts do not know the fact ${name}: give the suite values of it in "known"`)
}

type Named = [string, Arbitrary<unknown>]

const values = (): ReadonlyMap<string, Arbitrary<unknown>> =>
  new Map<string, Arbitrary<unknown>>([
    ...[Facts.actor.id, Facts.device.id, Facts.resource.id, Facts.site.id].map(({ name }): Named => [name, fc.uuid()]),
    ...[Facts.resource.name, Facts.site.name, Facts.gateway.name].map(({ name }): Named => [name, fc.string()]),
    [Facts.actor.type.name, fc.constantFrom('user', 'helpdesk', 'auditor', 'admin', 'owner', 'service_account')],
    [Facts.actor.email.name, fc.oneof(fc.emailAddress(), fc.string())],
    [Facts.actor.groups.name, fc.array(fc.uuid())],
    [Facts.signIn.providerType.name, fc.oneof(fc.constantFrom('oidc', 'email-otp'), fc.string())],
    ...[Facts.signIn.at, Facts.signIn.authenticatedAt].map(({ name }): Named => [
      name,
      fc.integer({ min: 0, max: Date.UTC(2090, 0, 1) }),
    ]),
    [Facts.signIn.methods.name, fc.array(fc.oneof(fc.constantFrom('pwd', 'otp', 'mfa', 'hwk'), fc.string()))],
    [Facts.signIn.providerGroups.name, fc.array(fc.string())],
    [Facts.signIn.claims.name, fc.dictionary(fc.string(), fc.jsonValue())],
    [Facts.device.os.name, fc.oneof(fc.constantFrom('Debian', 'Windows', 'macOS'), fc.string())],
    ...[Facts.device.osVersion, Facts.device.version, Facts.device.userAgent].map(({ name }): Named => [
      name,
      fc.string(),
    ]),
    [Facts.gateway.address.name, fc.oneof(fc.ipV4(), fc.ipV6())],
    [Facts.path.roundTripMs.name, fc.double({ min: 0, max: 10_000, noNaN: true })],
    [Facts.client.address.name, fc.oneof(fc.ipV4(), fc.ipV6(), fc.string())],
    [Facts.signIn.providerId.name, fc.oneof(fc.uuid(), fc.string())],
    [Facts.device.isVerified.name, fc.boolean()],
    [Facts.gateway.processorShare.name, fc.double({ min: 0, max: 1, noNaN: true })],
    [Facts.gateway.bytesPerSecond.name, fc.double({ min: 0, max: 1e12, noNaN: true })],
    [Facts.gateway.clients.name, fc.nat(100_000)],
    [Facts.gateway.version.name, fc.oneof(fc.constantFrom('0.1.0', '1.6.0', ''), fc.string())],
  ])
