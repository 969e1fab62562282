import type { Arbitrary } from 'fast-check'
import { Facts, type Reads } from '../../core/contract/facts.ts'
import { fc } from './libraries.ts'

/** Any value that a fact may have, plausible or not. @throws Error for a fact that no host knows */
export const anyValueOf = ({ name }: Reads<unknown>): Arbitrary<unknown> => {
  const arbitrary = values().get(name)
  if (arbitrary === undefined) throw new Error(`there is no fact ${name}`)
  return arbitrary
}

const values = (): ReadonlyMap<string, Arbitrary<unknown>> =>
  new Map<string, Arbitrary<unknown>>([
    [Facts.client.address.name, fc.oneof(fc.ipV4(), fc.ipV6(), fc.string())],
    [Facts.signIn.providerId.name, fc.oneof(fc.uuid(), fc.string())],
    [Facts.device.isVerified.name, fc.boolean()],
    [Facts.gateway.clients.name, fc.nat(100_000)],
    [Facts.gateway.version.name, fc.oneof(fc.constantFrom('0.1.0', '1.6.0', ''), fc.string())],
  ])
