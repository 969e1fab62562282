import type { Extensions } from '../../../core/contract/extension-point.ts'
import type { Change, Rows } from '../store/entities.ts'
import type { Store } from '../store/store.ts'

export interface PluginNeedsOptions {
  store: Store
  providers: Extensions<unknown>
  conditions: Extensions<unknown>
  selectors: Extensions<unknown>
  resolvers: Extensions<unknown>
}

/**
 * Tracks plugins that the stored rows need and the configuration does not load; the portal is not ready while there is
 * one.
 */
export class PluginNeeds {
  readonly #options: PluginNeedsOptions
  /** Missing plugins by id of the row that needs them, such as `identity provider oidc`. */
  readonly #needs = new Map<string, readonly string[]>()
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
    const missing = new Set([...this.#needs.values()].flat())
    if (missing.size > 0) throw new Error(`not loaded: ${[...missing].join(', ')}`)
    return Promise.resolve()
  }

  #takeAll({ accounts, identity_providers, policies, sites }: Rows): void {
    for (const after of accounts) this.#take({ entity: 'accounts', id: after.id, accountId: after.id, after })
    for (const after of identity_providers) this.#take({ entity: 'identity_providers', ...named(after), after })
    for (const after of policies) this.#take({ entity: 'policies', ...named(after), after })
    for (const after of sites) this.#take({ entity: 'sites', ...named(after), after })
  }

  #take(change: Change): void {
    const missing = this.#missing(change)
    if (missing.length === 0) this.#needs.delete(change.id)
    else this.#needs.set(change.id, missing)
  }

  #missing(change: Change): string[] {
    const { providers, conditions, selectors, resolvers } = this.#options
    if (change.entity === 'accounts') {
      const keys = change.after?.upstreamResolvers.map(({ type }) => type) ?? []
      return keys.filter((key) => !resolvers.has(key)).map((key) => `upstream resolver ${key}`)
    }
    if (change.entity === 'identity_providers') {
      const row = change.after
      return row === undefined || row.isDisabled || providers.has(row.type) ? [] : [`identity provider ${row.type}`]
    }
    if (change.entity === 'policies') {
      const keys = change.after?.isDisabled === false ? change.after.conditions.map(({ condition }) => condition) : []
      return keys.filter((key) => !conditions.has(key)).map((key) => `policy condition ${key}`)
    }
    if (change.entity === 'sites') {
      const row = change.after
      return row === undefined || selectors.has(row.selector) ? [] : [`gateway selector ${row.selector}`]
    }
    return []
  }
}

const named = ({ id, accountId }: { id: string; accountId: string }) => ({ id, accountId })
