import type { NotedClaim } from '../../../../../core/contract/identity-provider.ts'
import type { ProviderTest } from '../../provider-test/provider-test.ts'
import type { rehearsedLink } from '../../sign-in/link-actor.ts'
import type { Visit } from '../page/admin-parts.ts'
import { mark, type Cell } from '../page/cell.ts'

/** Answer of the portal to the identity of a test: whom it would sign in, or why nobody. */
export type TestedLink = Awaited<ReturnType<typeof rehearsedLink>>

export type TestedIdentity = Extract<ProviderTest['state'], { type: 'identified' }>['identity']

/** Groups, and other claims, that a page shows. */
const SHOWN = 50
/** Policies that are looked through for the values that they ask for. */
const MAX_POLICIES = 2_000

interface ClaimRow {
  name: string
  /** Place in a list of several values, such as `1 of 3`. */
  place?: string
  value: string
  becomes: Cell
}

interface Becoming {
  identity: TestedIdentity
  link: TestedLink
  /** Whether a policy asks for a value. */
  isAsked: (value: string) => boolean
}

/**
 * Returns the claims of a tested sign-in with what each becomes, those that become nothing first; `more` is the number of those left
 * out.
 */
export const claimRows = async (
  visit: Visit,
  { test, identity, link }: { test: ProviderTest; identity: TestedIdentity; link: TestedLink },
): Promise<{ rows: readonly ClaimRow[]; more: number }> => {
  const about = { identity, link, isAsked: await askedFor(visit) }
  const claims = test.claims.length > 0 ? test.claims : claimsIn(identity)
  const rows = claims.flatMap((claim) => rowsOf(claim, about)).toSorted((a, b) => rank(a) - rank(b))
  const [listed, single] = [
    rows.filter(({ place }) => place !== undefined),
    rows.filter(({ place }) => place === undefined),
  ]
  const shown = new Set([...listed.slice(0, SHOWN), ...single.slice(0, SHOWN)])
  return { rows: rows.filter((row) => shown.has(row)), more: rows.length - shown.size }
}

const RANKS = { warn: 0, wait: 0, no: 0, off: 1, shadow: 1, yes: 2 } as const

const rank = ({ becomes }: ClaimRow): number => RANKS[becomes.mark ?? 'off']

/** Reads the statements out of an identity, for a plugin that noted none. */
const claimsIn = ({
  issuer,
  subject,
  name,
  email,
  emailVerified,
  groups,
  claims = {},
  authentication,
}: TestedIdentity): NotedClaim[] => [
  { name: 'issuer', value: issuer, becomes: 'issuer' },
  { name: 'subject', value: subject, becomes: 'subject' },
  ...optional('email', email, 'email'),
  ...optional('email verified', email === undefined ? undefined : emailVerified, 'emailVerified'),
  ...optional('name', name, 'name'),
  ...optional('groups', groups, 'groups'),
  ...Object.entries(claims).map(([key, value]) => ({ name: key, value, becomes: 'claims' as const })),
  ...optional('methods', authentication?.methods, 'authentication'),
]

const optional = (
  name: string,
  value: NotedClaim['value'] | undefined,
  becomes: NonNullable<NotedClaim['becomes']>,
): NotedClaim[] => (value === undefined ? [] : [{ name, value, becomes }])

const rowsOf = (claim: NotedClaim, about: Becoming): ClaimRow[] => {
  const { name, value, becomes } = claim
  if (becomes !== 'groups' || !Array.isArray(value))
    return [{ name, value: spoken(value), becomes: becoming(claim, about) }]
  const list = (value as readonly unknown[]).map(spoken)
  return list.map((each, index) => ({
    name,
    place: `${index + 1} of ${list.length}`,
    value: each,
    becomes: becoming({ name, value: each, becomes }, about),
  }))
}

const spoken = (value: unknown): string => {
  if (Array.isArray(value)) return value.map(spoken).join(', ')
  return typeof value === 'string' ? value : JSON.stringify(value)
}

const becoming = ({ name, value, becomes }: NotedClaim, { identity, link, isAsked }: Becoming): Cell => {
  switch (becomes) {
    case 'issuer':
      return mark('yes', 'the issuer of the identity')
    case 'subject':
      if (!link.ok) return mark('off', 'no identity', 'it belongs to nobody here')
      return link.isNew
        ? mark('yes', 'a new identity', 'kept for good; the e-mail address may change')
        : mark('yes', `the identity of ${link.actor.name}`, 'who is linked already')
    case 'email':
      if (!link.ok) return mark('warn', 'nobody', link.publicText)
      return mark('yes', link.actor.name, link.isNew ? 'who has this address' : 'by the subject, not by the address')
    case 'emailVerified':
      return identity.emailVerified
        ? mark('yes', 'so the address counts')
        : mark('warn', 'so the address does not count', identity.emailDoubt)
    case 'name':
      return mark('off', 'nothing', 'people keep the name that they have here')
    case 'authentication':
      return mark('yes', 'how and when she proved who she is', 'facts sign_in.methods and sign_in.authenticated_at')
    case 'groups':
      return isAsked(spoken(value))
        ? mark('yes', 'in sign_in.provider_groups', 'a policy asks for it')
        : mark('off', 'in sign_in.provider_groups', 'no policy asks for it')
    case 'claims':
      return mark('yes', `in sign_in.claims, as ${name}`)
    default:
      return mark('off', 'nothing', 'not kept: the provider’s settings do not name it')
  }
}

/** Returns the function that tells whether the settings of a policy's conditions contain a value. */
const askedFor = async ({ parts, caller }: Visit): Promise<(value: string) => boolean> => {
  const policies = await parts.store.reader(caller.account.id).list('policies', { limit: MAX_POLICIES })
  const texts = policies.flatMap(({ conditions }) => (conditions.length === 0 ? [] : [JSON.stringify(conditions)]))
  return (value) => texts.some((text) => text.includes(JSON.stringify(value)))
}
