import { PortalConfig, type PortalStart } from '../portal/config.ts'
import { packageVersion } from '../runtime/package-root.ts'
import { readConfig } from './read-config.ts'

/** What every command on a portal's own machine begins with: its configuration, and the plugins beside that. */
export const readPortalStart = async (env: NodeJS.ProcessEnv, file: string | undefined): Promise<PortalStart> => {
  const { config, file: path } = await readConfig({ schema: PortalConfig, file, fallback: 'portal.yaml', env })
  const { createPluginModules } = await import('../runtime/plugin-modules.ts')
  return { config, modules: createPluginModules(path), version: packageVersion(), environment: env }
}
