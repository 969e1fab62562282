import type { ResolverEntry } from '../config/resolver-entry.ts'
import { OperatorError } from '../config/operator-error.ts'
import type { Extension, Extensions } from '../contract/extension-point.ts'
import type { UpstreamResolver } from '../contract/upstream-resolver.ts'

/** Resolver that a configuration file names, with its validated settings. */
export interface ChosenResolver {
  extension: Extension<UpstreamResolver>
  settings: unknown
  /** Domains to ask it for; absent: all names. */
  match?: readonly string[] | undefined
}

/**
 * Finds the resolvers that `resolvers` of a configuration file names, and validates the settings of each by its plugin's schema.
 * @throws OperatorError PLUGIN_CHOICE where no plugin provides one, CONFIG_INVALID for settings that do not fit
 */
export const chosenResolvers = (
  extensions: Extensions<UpstreamResolver>,
  entries: readonly ResolverEntry[],
): ChosenResolver[] =>
  entries.map(({ type, settings, match }, at) => {
    const extension = extensions.get(type)
    if (extension === undefined) {
      const loaded = [...extensions.keys()].join(', ')
      throw new OperatorError(
        'PLUGIN_CHOICE',
        `resolvers[${at}]: no plugin provides the upstream resolver "${type}". The plugins provide: ${loaded || 'none'}.`,
        'Name one of these in resolvers, or add its plugin to plugins: builtin:resolver-NAME, or an npm package.',
      )
    }
    const verdict = extension.settings.safeParse(settings)
    if (!verdict.ok) {
      const problems = verdict.problems.map(
        ({ path, message }) =>
          `  resolvers[${at}].settings${path === '' || path === '(top)' ? '' : `.${path}`}: ${message}`,
      )
      throw new OperatorError('CONFIG_INVALID', `resolvers is not valid:\n${problems.join('\n')}`)
    }
    return { extension, settings: verdict.settings, match }
  })
