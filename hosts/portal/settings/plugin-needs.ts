import type { PointName } from '../../../core/contract/contracts.ts'
import type { Extensions } from '../../../core/contract/extension-point.ts'
import type { Change, Rows } from '../store/entities.ts'
import type { Store } from '../store/store.ts'

export interface PluginNeedsOptions {
  store: Pick<Store, 'load' | 'subscribe'>
  providers: Extensions<unknown>
  conditions: Extensions<unknown>
  selectors: Extensions<unknown>
  resolvers: Extensions<unknown>
}

/** Implementation that a stored row names. */
export interface PluginNeed {
  point: PointName
  key: string
}

/**
 * Tracks plugins that the stored rows need and the configuration does not load; the portal is not ready while there is
 * one.
 */
export class PluginNeeds {
  readonly #options: PluginNeedsOptions
  /** Needs of the rows that have any, by id of the row. */
  readonly #needs = new Map<string, readonly PluginNeed[]>()
  #unsubscribe: (() => void) | undefined

  constructor(options: PluginNeedsOptions) {
    this.#options = options
  }

  async start(): Promise<void> {
    this.#unsubscribe = this.#options.store.subscribe({
      changed: (changes) => {
        for (const change of changes) this.#take(change)
      },
      reloaded: (rows) => {
        this.#needs.clear()
        this.#takeAll(rows)
      },
    })
    this.#takeAll(await this.#options.store.load())
  }

  stop(): void {
    this.#unsubscribe?.()
  }

  /** Checks readiness. @throws Error that names the missing plugins */
  async check(): Promise<void> {
    const missing = this.missing()
    if (missing.length > 0) throw new Error(`not loaded: ${missing.join(', ')}`)
    return Promise.resolve()
  }

  /** Lists what the rows need and no plugin provides: `identity provider oidc`. */
  missing(): readonly string[] {
    const missing = this.#all().filter(({ point, key }) => this.#extensions(point)?.has(key) === false)
    return [...new Set(missing.map(({ point, key }) => `${WORDS[point] ?? point} ${key}`))]
  }

  /** Whether a row names this implementation; undefined at a point that rows name none of. */
  isNeeded({ point, key }: PluginNeed): boolean | undefined {
    if (this.#extensions(point) === undefined) return undefined
    return this.#all().some((need) => need.point === point && need.key === key)
  }

  #all(): readonly PluginNeed[] {
    return [...this.#needs.values()].flat()
  }

  #extensions(point: PointName): Extensions<unknown> | undefined {
    const { providers, conditions, selectors, resolvers } = this.#options
    const byPoint: Partial<Record<PointName, Extensions<unknown>>> = {
      'identity-providers': providers,
      'policy-conditions': conditions,
      'gateway-selectors': selectors,
      'upstream-resolvers': resolvers,
    }
    return byPoint[point]
  }

  #takeAll({ accounts, identity_providers, policies, sites }: Rows): void {
    for (const after of accounts) this.#take({ entity: 'accounts', id: after.id, accountId: after.id, after })
    for (const after of identity_providers) this.#take({ entity: 'identity_providers', ...named(after), after })
    for (const after of policies) this.#take({ entity: 'policies', ...named(after), after })
    for (const after of sites) this.#take({ entity: 'sites', ...named(after), after })
  }

  #take(change: Change): void {
    const needs = needsOf(change)
    if (needs.length === 0) this.#needs.delete(change.id)
    else this.#needs.set(change.id, needs)
  }
}

const WORDS: Partial<Record<PointName, string>> = {
  'identity-providers': 'identity provider',
  'policy-conditions': 'policy condition',
  'gateway-selectors': 'gateway selector',
  'upstream-resolvers': 'upstream resolver',
}

const needsOf = ({ entity, after: row }: Change): PluginNeed[] => {
  if (row === undefined) return []
  switch (entity) {
    case 'accounts':
      return row.upstreamResolvers.map(({ type }) => ({ point: 'upstream-resolvers', key: type }))
    case 'identity_providers':
      return row.isDisabled ? [] : [{ point: 'identity-providers', key: row.type }]
    case 'policies':
      return row.isDisabled
        ? []
        : row.conditions.map(({ condition }) => ({ point: 'policy-conditions', key: condition }))
    case 'sites':
      return [{ point: 'gateway-selectors', key: row.selector }]
    default:
      return []
  }
}

const named = ({ id, accountId }: { id: string; accountId: string }) => ({ id, accountId })
