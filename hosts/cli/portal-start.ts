import { OperatorError } from '../../core/config/operator-error.ts'
import type { PortalStart } from '../portal/config.ts'
import { packageVersion } from '../runtime/process/package-root.ts'
import { portalSchema } from './config-schemas.ts'
import { installedConfig } from './installed-config.ts'
import { readConfig } from './read-config.ts'

/** Reads a portal's configuration and finds its plugins, for commands on the portal's own machine. */
export const readPortalStart = async (env: NodeJS.ProcessEnv, given: string | undefined): Promise<PortalStart> => {
  const file = given ?? installedConfig('portal.yaml')
  if (file === undefined) {
    throw new OperatorError(
      'CONFIG_MISSING',
      'no configuration of a portal is given.',
      'Add --config portal.yaml (see --help), or write /etc/portreeve/portal.yaml.',
    )
  }
  const schema = await portalSchema()
  const { config, file: path } = await readConfig({ schema, file, fallback: 'portal.yaml', env })
  const { createPluginModules } = await import('../runtime/plugin-modules.ts')
  return { config, modules: createPluginModules(path), version: packageVersion(), environment: env }
}
