import { setTimeout as pause } from 'node:timers/promises'
import { RESOURCES, type Pair } from './pair.ts'

/** Requests of a steady test and how many of them failed. */
export interface Steady {
  seconds: number
  requests: number
  failed: number
  /** Reason of the first failure; absent if there is none. */
  first?: string
}

const INTERVAL_MS = 1_000

/** Requests a page each second, over new connections, for longer than keys live (120 s each). */
export const stayReached = async ({ world }: Pair, seconds: number): Promise<Steady> => {
  const steady: Steady = { seconds, requests: 0, failed: 0 }
  const until = performance.now() + 1_000 * seconds
  while (performance.now() < until) {
    const page = await world.fetch(`http://${RESOURCES.name}/`, { timeoutMs: 5_000 })
    steady.requests++
    if (!page.ok || page.status !== 200) {
      steady.failed++
      steady.first ??= `request ${steady.requests}: ${page.ok ? `status ${page.status}` : page.reason}`
    }
    await pause(INTERVAL_MS)
  }
  return steady
}
