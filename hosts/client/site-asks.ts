import type { NameServiceOutput } from './name-service.ts'

export type SiteAsk = Extract<NameServiceOutput, { type: 'askSite' }>

/** Questions to sites that wait for the first of their resources to be authorized. How long is the resolver's to say. */
export class SiteAsks {
  readonly #waiting = new Map<number, SiteAsk>()

  wait(ask: SiteAsk): void {
    this.#waiting.set(ask.ask, ask)
  }

  forget(ask: number): void {
    this.#waiting.delete(ask)
  }

  /** Those that wait for a resource, which wait no longer. */
  served(resourceId: string): SiteAsk[] {
    const served = [...this.#waiting.values()].filter(({ resourceIds }) => resourceIds[0] === resourceId)
    for (const { ask } of served) this.#waiting.delete(ask)
    return served
  }

  /** Those that wait for a resource that was denied: what is left of each to ask for. */
  denied(resourceId: string): SiteAsk[] {
    return this.served(resourceId).map((ask) => ({ ...ask, resourceIds: ask.resourceIds.slice(1) }))
  }
}
