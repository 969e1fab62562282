import { z } from 'zod'
import { MAPPED_GROUPS } from './mapped-addresses.ts'

const Numbered = z.tuple([
  z.string().min(1).max(253),
  z
    .int()
    .min(0)
    .max(MAPPED_GROUPS - 1),
])

/**
 * Names with the numbers of their mapped addresses, as a machine keeps them from one run of its client to the next, for
 * each person by itself (D14).
 */
export const KeptNames = z.strictObject({
  version: z.literal(1),
  /** First number that was never given to a name: lower ones may be remembered by applications. */
  next: z.int().min(0).max(MAPPED_GROUPS),
  /** People by account and id, the present one last, with their names, the least recently used first. */
  people: z.array(z.strictObject({ person: z.string().max(1024), names: z.array(Numbered).max(65_536) })).max(64),
})
export type KeptNames = z.infer<typeof KeptNames>

/** Names of one person with the numbers of their addresses. */
export interface KeptAddresses {
  /** Least recently used first. */
  names: readonly (readonly [name: string, number: number])[]
  /** First number that was never given to a name. */
  next: number
}

export const NO_KEPT_NAMES: KeptNames = { version: 1, next: 0, people: [] }

/** Most people whose names are kept, and most names of each. */
const MAX_PEOPLE = 8
const MAX_NAMES = 8_192

/** Returns what was kept of a person, and the numbers that are other people's. */
export const keptOf = (kept: KeptNames, person: string | undefined): KeptAddresses & { taken: readonly number[] } => {
  const others = kept.people.filter((one) => one.person !== person)
  return {
    names: kept.people.find((one) => one.person === person)?.names ?? [],
    next: kept.next,
    taken: others.flatMap(({ names }) => names.map(([, number]) => number)),
  }
}

/** Returns what to keep after a person's names have changed. Of a person who is not known only the numbers are kept. */
export const withNames = (kept: KeptNames, person: string | undefined, { names, next }: KeptAddresses): KeptNames => {
  const others = kept.people.filter((one) => one.person !== person)
  const latest = names.slice(-MAX_NAMES).map(([name, number]): [string, number] => [name, number])
  const people = person === undefined ? others : [...others, { person, names: latest }]
  return { version: 1, next: Math.min(next, MAPPED_GROUPS), people: people.slice(-MAX_PEOPLE) }
}
