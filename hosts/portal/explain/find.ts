import { ResourceNames } from '../../../core/dns/resource-names.ts'
import { normalizeName } from '../../../core/dns/pattern.ts'
import { parseAddress } from '../../../core/net/ip-address.ts'
import { hostPrefix, parsePrefix, prefixCovers } from '../../../core/net/prefix.ts'
import { foldedEmail } from '../text/email-address.ts'
import type { Actor, Resource } from '../store/entities.ts'
import type { View } from '../decide/view.ts'

/** Finds an actor by id or e-mail address; a service account, which has no address, by its name if that is unique. */
export const findActor = (view: Pick<View, 'get' | 'all'>, accountId: string, text: string): Actor | undefined => {
  const wanted = foldedEmail(text.trim())
  const byId = wanted === undefined ? undefined : view.get('actors', wanted)
  if (byId?.accountId === accountId) return byId
  const own = [...view.all('actors')].filter((actor) => actor.accountId === accountId)
  const byEmail = wanted === undefined ? undefined : own.find(({ email }) => email === wanted)
  if (byEmail !== undefined) return byEmail
  const name = foldedName(text)
  const [named, ...others] = own.filter((actor) => actor.email === null && foldedName(actor.name) === name)
  return others.length === 0 ? named : undefined
}

const foldedName = (text: string): string => text.trim().normalize('NFC').toLowerCase()

/**
 * Finds resources by id, by name, or by a domain name or IP address that belongs to them, the most specific first (D3,
 * T5).
 */
export const findResources = (view: Pick<View, 'get' | 'all'>, accountId: string, text: string): Resource[] => {
  const wanted = text.trim().toLowerCase()
  const byId = view.get('resources', wanted)
  if (byId?.accountId === accountId) return [byId]
  const own = [...view.all('resources')].filter((resource) => resource.accountId === accountId)
  const named = own.filter(({ name, address }) => name.toLowerCase() === wanted || address === wanted)
  if (named.length > 0) return named
  const address = parseAddress(wanted)
  if (address === undefined) return byName(own, wanted)
  const asked = hostPrefix(address)
  return own
    .flatMap((resource) => {
      if (resource.type === 'internet') return [{ resource, length: -1 }]
      const written = resource.address ?? ''
      const single = resource.type === 'ip' ? parseAddress(written) : undefined
      const prefix = single === undefined ? parsePrefix(written) : hostPrefix(single)
      return prefix !== undefined && prefixCovers(prefix, asked) ? [{ resource, length: prefix.length }] : []
    })
    .toSorted((a, b) => b.length - a.length || (a.resource.id < b.resource.id ? -1 : 1))
    .map(({ resource }) => resource)
}

const byName = (own: readonly Resource[], wanted: string): Resource[] => {
  const names = own.flatMap(({ id, type, address }) => (type === 'dns' && address !== null ? [{ id, address }] : []))
  const matches = new ResourceNames(names).match(normalizeName(wanted))
  return matches.flatMap(({ id }) => own.find((resource) => resource.id === id) ?? [])
}
