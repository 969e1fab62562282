import type { Difference, EffectLine } from './difference.ts'

/** Lines of one list that a page shows; the others are counted. */
const SHOWN = 20

/** Words for kinds of rows, for one and for several. */
const KINDS: Readonly<Record<string, readonly [string, string]>> = {
  actors: ['person or service account', 'people and service accounts'],
  groups: ['group', 'groups'],
  clients: ['device', 'devices'],
  sites: ['site', 'sites'],
  gateways: ['gateway', 'gateways'],
  resources: ['resource', 'resources'],
  policies: ['policy', 'policies'],
  tokens: ['token', 'tokens'],
  identity_providers: ['identity provider', 'identity providers'],
  identities: ['identity', 'identities'],
}

/** Returns a difference as its template shows it, and the sentence that the button confirms. */
export const effectView = (difference: Difference, base: string): object => {
  const { loses, gains, notNow, changes, kept, removed, isWhole, concerned } = difference
  const cut = loses.filter(({ isConnected }) => isConnected).length
  return {
    sums: [
      {
        kind: loses.length === 0 ? '' : 'lose',
        text: `lose${loses.length === 1 ? 's' : ''} access`,
        count: signed('−', loses.length),
      },
      {
        kind: gains.length === 0 ? '' : 'gain',
        text: `gain${gains.length === 1 ? 's' : ''} access`,
        count: signed('+', gains.length),
      },
      { kind: '', text: 'keep it', count: String(kept) },
    ],
    lists: [
      listOf('lose', 'Lose', '−', loses, base),
      listOf('gain', 'Gain', '+', gains, base),
      listOf('', 'Reach it elsewhere', '≠', changes, base),
      listOf('', 'Not now', '·', notNow, base),
    ].filter(({ lines }) => lines.length > 0),
    removed: removed.map(({ kind, names }) => ({
      text: `${names.length} ${KINDS[kind]?.[names.length === 1 ? 0 : 1] ?? kind}`,
      names: names.filter((name) => name !== '').slice(0, SHOWN),
    })),
    sentence: sentenceOf(difference, cut),
    cost: cut > 0 ? `, and cut ${cut} connection${cut === 1 ? '' : 's'}` : '',
    notWhole: isWhole
      ? undefined
      : `Too many to judge at once: only a part of ${concerned.toLocaleString('en')} pairs was judged.`,
  }
}

const signed = (sign: string, count: number): string => (count === 0 ? '0' : `${sign}${count}`)

const listOf = (kind: string, title: string, sign: string, lines: readonly EffectLine[], base: string) => ({
  kind,
  title,
  sign,
  lines: lines.slice(0, SHOWN).map(({ actor, resource, why, isConnected }) => ({
    who: actor.name,
    resource: resource.name,
    why: `${why}${kind === 'lose' ? (isConnected ? '. Connected: cut at once.' : '. Not connected.') : '.'}`,
    explainUrl: `${base}/explain?actor=${actor.id}&resource=${resource.id}`,
  })),
  more: Math.max(0, lines.length - SHOWN),
})

const sentenceOf = ({ loses, gains }: Difference, cut: number): string => {
  if (loses.length === 0 && gains.length === 0) return 'Nobody gains or loses access.'
  const people = (lines: readonly EffectLine[]) => new Set(lines.map(({ actor }) => actor.id)).size
  const counted = (count: number, verb: string) => `${count} ${count === 1 ? `person ${verb}s` : `people ${verb}`}`
  return [
    loses.length > 0
      ? `${counted(people(loses), 'lose')} access${cut > 0 ? `, ${cut} of them while connected` : ''}.`
      : '',
    gains.length > 0 ? `${counted(people(gains), 'gain')} access.` : '',
  ]
    .filter((part) => part !== '')
    .join(' ')
}
