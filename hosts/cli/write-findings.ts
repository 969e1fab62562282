import { packageVersion } from '../runtime/process/package-root.ts'
import type { CommandContext } from './context.ts'
import { keptSecrets, writeBundle } from './bundle.ts'
import type { Finding } from './finding.ts'
import { machineFacts } from './machine-facts.ts'

/** Part of a peer's configuration that a bundle is made from. */
interface KnownConfig {
  state_folder: string
  token_file?: string | undefined
  plugins: readonly { use: string }[]
  resolvers: readonly { type: string }[]
}

/**
 * Writes the bundle of a diagnosis to a new file, and says so.
 * @throws OperatorError BUNDLE_EXISTS, BUNDLE_FAILED
 */
export const writeFindings = async (
  path: string,
  known: { findings: readonly Finding[]; status: unknown; config: KnownConfig | undefined; stateFolder: string },
  { env, output }: Pick<CommandContext, 'env' | 'output'>,
): Promise<void> => {
  const { findings, status, config, stateFolder } = known
  const { createClock } = await import('../runtime/index.ts')
  const secrets = await keptSecrets({ state_folder: stateFolder, token_file: config?.token_file }, env)
  const bundle = {
    made_at: new Date(createClock().unix()).toISOString(),
    version: packageVersion(),
    machine: await machineFacts(),
    config: shownConfig(config),
    findings,
    status: status ?? null,
  }
  await writeBundle(path, bundle, secrets)
  output.tell(`Written to ${path}.`)
}

/** Returns the settings that a bundle shows: all but those of plugins, which may be secrets. */
const shownConfig = (config: KnownConfig | undefined): Record<string, unknown> => {
  if (config === undefined) return {}
  const { plugins, resolvers, ...shown } = config
  return { ...shown, plugins: plugins.map(({ use }) => use), resolvers: resolvers.map(({ type }) => type) }
}
