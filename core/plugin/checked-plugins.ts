import type { PointName } from '../contract/contracts.ts'
import type { HostKind } from './define-plugin.ts'
import type { Installation } from './install-plugins.ts'

/** Plugins of a configuration as a host has loaded them, before it starts any. */
export interface CheckedPlugins {
  host: HostKind
  installation: Installation
  /** Implementations that the host does not use. */
  unused: readonly UnusedKey[]
}

/** Implementation that a host does not use, with the reason in words. */
export interface UnusedKey {
  point: PointName
  key: string
  plugin: string
  why: string
}

/** Lists the implementations of a plugin that a kind of host has no use for, and those that `reasonFor` gives a reason for. */
export const checkedPlugins = (
  host: HostKind,
  installation: Installation,
  reasonFor: (point: PointName, key: string) => string | undefined,
): CheckedPlugins => ({
  host,
  installation,
  unused: installation.plugins.flatMap(({ name, provides, elsewhere }) => [
    ...elsewhere.map((one) => ({
      ...one,
      plugin: name,
      why: `a ${host} has no ${one.point}${OF_ITS_OWN[one.point] ?? ''}`,
    })),
    ...provides.flatMap((one) => {
      const why = reasonFor(one.point, one.key)
      return why === undefined ? [] : [{ ...one, plugin: name, why }]
    }),
  ]),
})

/** Words for points of which a client has only its own. */
const OF_ITS_OWN: Partial<Record<PointName, string>> = { 'fact-sources': ' but those of its own machine' }
