import type { Extensions } from '../../../../core/plugin/extension-point.ts'
import { secretsAtNewAddress, withoutSecrets, withSecretsOf } from '../../settings-secrets.ts'
import { invalidBody } from '../problem.ts'

type SettingsObject = Record<string, unknown>

/** Where a body names a plugin and its settings. */
export interface SettingsPlace {
  extensions: Extensions<unknown>
  key: string
  keyPath: string
  settings: SettingsObject
  settingsPath: string
}

/**
 * Refuses an unknown plugin key, and settings that the plugin's own schema refuses.
 * @returns the settings as they came: a plugin reads them through its schema at every use.
 */
export const checkSettings = ({ extensions, key, keyPath, settings, settingsPath }: SettingsPlace): SettingsObject => {
  const extension = extensions.get(key)
  if (extension === undefined) {
    const known = [...extensions.keys()].join(', ')
    throw invalidBody([{ path: keyPath, message: `there is none of this name; there are: ${known || 'none'}` }])
  }
  const verdict = extension.settings.safeParse(settings)
  if (!verdict.ok) {
    throw invalidBody(
      verdict.problems.map(({ path, message }) => ({
        path: path === '(top)' || path === '' ? settingsPath : `${settingsPath}.${path}`,
        message,
      })),
    )
  }
  return settings
}

/** The settings without what may only be written. Of a plugin that is not loaded nothing is known, so nothing is shown. */
export const shownSettings = (extensions: Extensions<unknown>, key: string, settings: unknown): SettingsObject => {
  const extension = extensions.get(key)
  return extension === undefined ? {} : (withoutSecrets(extension.settings.jsonSchema(), settings) as SettingsObject)
}

/**
 * New settings, in which a secret that was left out stays as it was.
 * @throws Problem 422 where it would go to another web address by that: whoever may change one would be sent it.
 */
export const keptSecrets = (
  extensions: Extensions<unknown>,
  key: string,
  { before, after, settingsPath }: { before: unknown; after: SettingsObject; settingsPath: string },
): SettingsObject => {
  const schema = extensions.get(key)?.settings.jsonSchema()
  if (schema === undefined) return after
  const unsaid = secretsAtNewAddress(schema, before, after)
  if (unsaid.length > 0) {
    const message = 'has to be sent again, as the address that it is for becomes another one'
    throw invalidBody(unsaid.map((path) => ({ path: `${settingsPath}.${path}`, message })))
  }
  return withSecretsOf(schema, before, after)
}
