import type { JsonValue } from './identity-provider.ts'

/** Limits of what a provider says about a person beside who she is; see `Identity`. */
export const STATEMENT_LIMITS = {
  /** Bytes of groups and claims together, as JSON: each token keeps them, in memory as well. */
  bytes: 8_192,
  groups: 1_000,
  groupCharacters: 256,
  methods: 20,
  methodCharacters: 100,
  hintCharacters: 4_096,
} as const

/** Groups and claims that fit into an `Identity`. */
export interface FittingStatements {
  groups?: readonly string[]
  claims?: Readonly<Record<string, JsonValue>>
  /** Statements that a provider made and that were left out, as they are too long, no groups, or no JSON. */
  leftOut: readonly ('groups' | 'claims')[]
}

/**
 * Keeps what a provider's service says about a person as far as it fits into an `Identity`. Groups or claims that do not fit are left
 * out altogether, as a part of them would say what is not so.
 * @param said `groups` is a list of texts, one text, or undefined if the service said nothing; undefined claims count as not said
 */
export const fittingStatements = (said: {
  groups: unknown
  claims: Readonly<Record<string, unknown>>
}): FittingStatements => {
  const groups = groupsIn(said.groups)
  const claims = claimsIn(said.claims)
  const hasGroups = groups !== undefined && sizeOf([groups, {}]) <= STATEMENT_LIMITS.bytes
  const hasClaims = claims !== undefined && sizeOf([hasGroups ? groups : [], claims]) <= STATEMENT_LIMITS.bytes
  const saidClaims = Object.values(said.claims).some((value) => value !== undefined)
  return {
    ...(hasGroups ? { groups } : {}),
    ...(hasClaims ? { claims } : {}),
    leftOut: [
      ...(said.groups === undefined || hasGroups ? [] : (['groups'] as const)),
      ...(saidClaims && !hasClaims ? (['claims'] as const) : []),
    ],
  }
}

/** Returns the size in bytes of a value as JSON. */
export const sizeOf = (value: unknown): number => new TextEncoder().encode(JSON.stringify(value)).length

const groupsIn = (value: unknown): readonly string[] | undefined => {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value]
  const { groups, groupCharacters } = STATEMENT_LIMITS
  const isGroup = (each: unknown): each is string =>
    typeof each === 'string' && each !== '' && each.length <= groupCharacters
  return list.length <= groups && list.every(isGroup) ? list : undefined
}

const claimsIn = (said: Readonly<Record<string, unknown>>): Readonly<Record<string, JsonValue>> | undefined => {
  try {
    const claims = JSON.parse(JSON.stringify(said)) as Record<string, JsonValue>
    return Object.keys(claims).length === 0 ? undefined : claims
  } catch {
    return undefined // no JSON: circular, or a number without bound
  }
}
