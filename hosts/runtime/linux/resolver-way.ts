import type { ResolverConfiguration } from '../../../core/runtime/network-configuration.ts'

export type ResolverSettings = Parameters<ResolverConfiguration['set']>[0]

/** A way of setting the system's resolver. */
export interface ResolverWay extends ResolverConfiguration {
  /** Returns words for settings that are not in force any more; empty if all are. */
  lacking: () => Promise<readonly string[]>
}
