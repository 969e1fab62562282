import type { NameServiceOutput } from './name-service.ts'

export type SiteAsk = Extract<NameServiceOutput, { type: 'askSite' }>

/** Questions to sites that wait for one of their resources to be authorized. How long is the resolver's to say. */
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
    const served = [...this.#waiting.values()].filter(({ resourceIds }) => resourceIds.includes(resourceId))
    for (const { ask } of served) this.#waiting.delete(ask)
    return served
  }

  /** Those whose next resource was denied: what is left of each to ask for. */
  denied(resourceId: string): SiteAsk[] {
    const denied = [...this.#waiting.values()].filter(({ resourceIds }) => resourceIds[0] === resourceId)
    for (const { ask } of denied) this.#waiting.delete(ask)
    return denied.map((ask) => ({ ...ask, resourceIds: ask.resourceIds.slice(1) }))
  }
}
