import type { Extensions } from '../../../../core/contract/extension-point.ts'
import {
  identifyingSettings,
  secretsAtNewAddress,
  withoutSecrets,
  withSecretsOf,
} from '../../settings/settings-secrets.ts'
import { invalidBody } from '../http/problem.ts'

type SettingsObject = Record<string, unknown>

/** Where a body names a plugin and its settings. */
export interface SettingsPlace {
  extensions: Extensions<unknown>
  key: string
  keyPath: string
  settings: SettingsObject
  settingsPath: string
  /** What is stored, if anything is: a secret that the new settings leave out stays as it was. */
  before?: unknown
}

/**
 * Refuses an unknown plugin key, and settings that the plugin's own schema refuses.
 * @returns the settings as they are to be stored: a plugin reads them through its schema at every use.
 * @throws Problem 422; also where a secret that was left out would go to another web address: whoever may change one would be sent it
 */
export const checkSettings = (place: SettingsPlace): SettingsObject => {
  const { extensions, key, keyPath, settingsPath, before } = place
  const extension = extensions.get(key)
  if (extension === undefined) {
    const known = [...extensions.keys()].join(', ')
    throw invalidBody([{ path: keyPath, message: `there is none of this name; there are: ${known || 'none'}` }])
  }
  const schema = extension.settings.jsonSchema()
  const settings = before === undefined ? place.settings : withSecretsOf(schema, before, place.settings)
  const verdict = extension.settings.safeParse(settings)
  if (!verdict.ok) {
    throw invalidBody(
      verdict.problems.map(({ path, message }) => ({
        path: path === '(top)' || path === '' ? settingsPath : `${settingsPath}.${path}`,
        message,
      })),
    )
  }
  // After the schema has spoken: of settings without their address it says so, and nothing is wrong with the secret.
  const unsaid = before === undefined ? [] : secretsAtNewAddress(schema, before, place.settings)
  if (unsaid.length > 0) {
    const message = 'has to be sent again, as the address that it is for becomes another one'
    throw invalidBody(unsaid.map((path) => ({ path: `${settingsPath}.${path}`, message })))
  }
  return settings
}

/** The settings without what may only be written. Of a plugin that is not loaded nothing is known, so nothing is shown. */
export const shownSettings = (extensions: Extensions<unknown>, key: string, settings: unknown): SettingsObject => {
  const extension = extensions.get(key)
  return extension === undefined ? {} : (withoutSecrets(extension.settings.jsonSchema(), settings) as SettingsObject)
}

/** Whether settings would identify people by somebody else, or as another client: what rests on them is over then. */
export const identifiesAnew = (
  extensions: Extensions<unknown>,
  key: string,
  { before, after }: { before: unknown; after: unknown },
): boolean => {
  const schema = extensions.get(key)?.settings.jsonSchema()
  const rootOf = (settings: unknown): string =>
    JSON.stringify(schema === undefined ? settings : identifyingSettings(schema, settings))
  return rootOf(before) !== rootOf(after)
}
