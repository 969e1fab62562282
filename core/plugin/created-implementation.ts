import { OperatorError } from '../config/operator-error.ts'
import type { PointName } from '../contract/contracts.ts'
import type { Container } from '../di.ts'
import type { Startable } from '../runtime/lifecycle.ts'
import { missingMethods, type CheckedDeclaration } from './declaration.ts'
import { ownPort } from './own-port.ts'
import { setupFailed } from './plugin-setup.ts'
import { synchronousAnswer } from './synchronous-answer.ts'

/** Implementation to create: its point, and the beginning of error texts about it. */
export interface WhatIsCreated {
  point: PointName
  /** `plugins[2]: condition-x provides "x" of policy-conditions`. */
  about: string
  /** Name of the plugin. */
  plugin: string
}

/**
 * Has a plugin create a declared implementation with ports of the container.
 * @throws OperatorError PLUGIN_PORT, PLUGIN_SETUP_FAILED, PLUGIN_METHODS
 */
export const createdImplementation = (
  container: Container,
  checked: CheckedDeclaration,
  { point, about, plugin }: WhatIsCreated,
): unknown => {
  checkPorts(container, checked, about)
  const ports = Object.entries(checked.needs).map(([name, what]) => [name, ownPort(what, container.get(what), plugin)])
  let value: unknown
  try {
    value = synchronousAnswer(checked.create(Object.freeze(Object.fromEntries(ports) as object)))
  } catch (error) {
    throw setupFailed(`${about}, and creating it failed`, error)
  }
  const missing = missingMethods(point, value)
  if (missing.length === 0) return value
  throw new OperatorError(
    'PLUGIN_METHODS',
    `${about}, and what it creates has no method ${missing.join(', ')}.`,
    'Install a version of the plugin that fits.',
  )
}

/** Checks that a container has the ports that a declaration needs. @throws OperatorError PLUGIN_PORT */
export const checkPorts = (container: Container, { needs }: CheckedDeclaration, about: string): void => {
  for (const [name, what] of Object.entries(needs)) {
    if (container.has(what)) continue
    throw new OperatorError('PLUGIN_PORT', `${about} and needs the port ${what.description ?? name}, which this host does not have.`, 'The ports of each host stand in plugins/README.md of portreeve.') // prettier-ignore
  }
}

/** Whether an implementation is to be started or stopped with its host. */
export const isStartable = (value: unknown): value is Startable =>
  typeof value === 'object' && value !== null && ('start' in value || 'stop' in value)
