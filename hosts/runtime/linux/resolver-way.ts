import type { ResolverConfiguration } from '../../../core/runtime/network-configuration.ts'
import type { Comparison } from '../../../core/upkeep/reconciler.ts'

export type ResolverSettings = Parameters<ResolverConfiguration['set']>[0]

/** A way of setting the system's resolver. */
export interface ResolverWay extends ResolverConfiguration {
  /** Compares the settings with what is in force. */
  compare: () => Promise<Comparison>
}
