import type { Extensions } from '../../../../core/plugin/extension-point.ts'
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
  const secrets = secretsOf(extensions, key)
  if (secrets === undefined) return {}
  return Object.fromEntries(Object.entries(settings as SettingsObject).filter(([name]) => !secrets.has(name)))
}

/** New settings, in which a secret that was left out stays as it was. */
export const keptSecrets = (
  extensions: Extensions<unknown>,
  key: string,
  { before, after }: { before: unknown; after: SettingsObject },
): SettingsObject => {
  const secrets = secretsOf(extensions, key) ?? new Set()
  const kept = Object.entries(before as SettingsObject).filter(([name]) => secrets.has(name) && !(name in after))
  return { ...Object.fromEntries(kept), ...after }
}

const secretsOf = (extensions: Extensions<unknown>, key: string): ReadonlySet<string> | undefined => {
  const properties = extensions.get(key)?.settings.jsonSchema()['properties']
  if (properties === undefined) return undefined
  const named = Object.entries(properties as Record<string, { writeOnly?: boolean }>)
  return new Set(named.filter(([, { writeOnly }]) => writeOnly === true).map(([name]) => name))
}
