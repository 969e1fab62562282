import { BUILT_IN_FACTS, Facts } from '../../../core/contract/facts.ts'
import { visibleCharacters } from '../../../core/plugin/visible-characters.ts'
import { unixTime } from '../../../core/runtime/time.ts'
import { utcText } from '../../../core/runtime/utc-text.ts'
import type { ListedFact } from './known-facts.ts'

const MAX_VALUE_CHARACTERS = 200

/** Returns one fact with its source and age as a clause: `the address is 192.0.2.7 (as the portal knows since …)`. */
export const factText = ({ name, value, source, since, validUntil }: ListedFact): string => {
  const end = validUntil === undefined ? '' : `, until ${utcText(validUntil)} at the latest`
  const text = typeof value === 'number' && TIMES.has(name) ? utcText(unixTime(value)) : valueText(value)
  return `${factName(name)} is ${text} (${sourceText(source, utcText(since))}${end})`
}

/** Returns what a fact is in English, such as `the address`; its name for those that plugins bring. */
export const factName = (name: string): string =>
  NAMES[name] ?? (BUILT_IN_FACTS.has(name) ? `the ${name.replace(/[._]/g, ' ')}` : `the fact ${name}`)

const NAMES: Readonly<Record<string, string>> = {
  [Facts.client.address.name]: 'the address',
  [Facts.signIn.providerId.name]: 'the identity provider of the sign-in',
  [Facts.signIn.providerType.name]: 'the kind of identity provider of the sign-in',
  [Facts.signIn.at.name]: 'the time of the sign-in',
  [Facts.signIn.authenticatedAt.name]: 'the time of the authentication at the identity provider',
  [Facts.signIn.methods.name]: 'the list of methods of the authentication at the identity provider',
  [Facts.signIn.providerGroups.name]: 'the list of groups at the identity provider at the sign-in',
  [Facts.signIn.claims.name]: 'the list of claims of the identity provider at the sign-in',
  [Facts.device.isVerified.name]: 'whether the device is verified',
  [Facts.device.os.name]: 'the operating system',
  [Facts.device.osVersion.name]: 'the version of the operating system',
  [Facts.device.version.name]: 'the version of the client',
  [Facts.device.userAgent.name]: 'the user agent of the client',
  [Facts.actor.email.name]: 'the e-mail address',
  [Facts.actor.groups.name]: 'the list of groups',
}

/** Names of the facts whose values are times. */
const TIMES: ReadonlySet<string> = new Set([Facts.signIn.at.name, Facts.signIn.authenticatedAt.name])

const sourceText = (source: string, since: string): string => {
  switch (source) {
    case 'question':
      return 'as the question supposes'
    case 'portal':
      return `as the portal knows since ${since}`
    case 'client':
    case 'gateway':
      return `as the ${source} itself says since ${since}, not proven`
    default:
      return `by ${source} since ${since}`
  }
}

const valueText = (value: unknown): string => {
  if (value === true) return 'yes'
  if (value === false) return 'no'
  return visibleCharacters(typeof value === 'string' ? value : JSON.stringify(value)).slice(0, MAX_VALUE_CHARACTERS)
}
