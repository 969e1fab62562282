import { OperatorError } from '../config/operator-error.ts'
import type { PointName } from '../contract/contracts.ts'
import type { FactSource } from '../contract/fact-source.ts'
import type { Startable } from '../runtime/lifecycle.ts'
import type { PluginUse } from './plugin-setup.ts'

/** Threads for plugins that a host's configuration isolates. */
export interface Isolation {
  /**
   * Returns the thread of a plugin, which starts with its `part`; undefined where nothing is run, and implementations are only
   * created to see whether they can be.
   */
  open: (use: PluginUse) => IsolatedPlugin | undefined
}

/** Thread of one plugin. */
export interface IsolatedPlugin {
  part: Startable
  /** Returns a fact source whose calls are made in the thread. */
  factSource: (key: string) => FactSource
}

/** Points whose implementations can run in a thread: the others are asked where nobody can wait, or carry packets. */
const ISOLABLE: ReadonlySet<PointName> = new Set<PointName>(['policy-conditions', 'gateway-selectors', 'fact-sources'])

/** Checks that an implementation can run in a thread of its own at this host. @throws OperatorError PLUGIN_ISOLATION */
export const checkIsolable = (point: PointName, about: string, isolation: Isolation | undefined): void => {
  const remedy = 'Remove `isolation` from its entry in plugins.'
  if (!ISOLABLE.has(point)) {
    const what = `${about}, which cannot run in a worker: only conditions, selectors and fact sources can.`
    throw new OperatorError('PLUGIN_ISOLATION', what, remedy)
  }
  if (isolation !== undefined) return
  throw new OperatorError('PLUGIN_ISOLATION', `${about}, which cannot run in a worker here: only a portal can do that.`, remedy) // prettier-ignore
}

/** Returns the stand-in for an implementation that runs in a thread. A condition or selector is never called by it. */
export const standIn = (point: PointName, key: string, thread: IsolatedPlugin): unknown => {
  if (point === 'fact-sources') return thread.factSource(key)
  const refuse = (): never => {
    throw new Error('it runs in a thread of its own')
  }
  return { evaluate: refuse, select: refuse }
}
