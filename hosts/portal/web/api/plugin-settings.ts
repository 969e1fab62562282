import type { Extensions } from '../../../../core/contract/extension-point.ts'
import {
  identifyingSettings,
  secretsAtNewAddress,
  withoutSecrets,
  withSecretsOf,
} from '../../settings/settings-secrets.ts'
import { invalidBody } from '../http/problem.ts'

type SettingsObject = Record<string, unknown>

/** A plugin and its settings in a request body; the paths are their places in the body, for error messages. */
export interface SettingsPlace {
  extensions: Extensions<unknown>
  key: string
  keyPath: string
  settings: SettingsObject
  settingsPath: string
  /** Settings stored so far, if any: secrets that the new settings leave out are kept. */
  before?: unknown
}

/**
 * Validates a plugin's key, and its settings with the plugin's schema. Returns the settings to be stored, completed
 * with kept secrets; the plugin's schema parses them again at each use.
 * @throws Problem 422; also if a kept secret would be sent to a new web address, which somebody might choose in order
 * to receive it
 */
export const checkSettings = (place: SettingsPlace): SettingsObject => {
  const { extensions, key, keyPath, settingsPath, before } = place
  const extension = extensions.get(key)
  if (extension === undefined) {
    const known = [...extensions.keys()].join(', ')
    throw invalidBody([{ path: keyPath, message: `there is no plugin with this key; there are: ${known || 'none'}` }])
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
  // Checked after the schema: if an address is missing altogether, that is the problem to report, not the secret.
  const unsaid = before === undefined ? [] : secretsAtNewAddress(schema, before, place.settings)
  if (unsaid.length > 0) {
    const message = 'has to be sent again, because the address that it is sent to changes'
    throw invalidBody(unsaid.map((path) => ({ path: `${settingsPath}.${path}`, message })))
  }
  return settings
}

/** Returns the settings without their secrets; nothing if the plugin is not loaded, as its secrets are then unknown. */
export const shownSettings = (extensions: Extensions<unknown>, key: string, settings: unknown): SettingsObject => {
  const extension = extensions.get(key)
  return extension === undefined ? {} : (withoutSecrets(extension.settings.jsonSchema(), settings) as SettingsObject)
}

/**
 * Whether changed settings would identify people by another provider or as another client: existing sign-ins and
 * identities are then void.
 */
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
