import type { Extensions } from '../../../core/contract/extension-point.ts'
import { secretsIn, withoutSecrets } from './settings-secrets.ts'
import { CHANGED, SECRET, type AuditedSettings, type SettingsChange } from '../store/audit-trail.ts'

/**
 * Returns functions that hide secrets in plugin settings for the audit trail: values that the plugin's schema marks as
 * secret become `[secret]`, or `[secret, changed]` if they changed. If the plugin is not loaded, all its settings are
 * hidden.
 */
export const auditedSettings = (plugins: {
  conditions: Extensions<unknown>
  selectors: Extensions<unknown>
  providers: Extensions<unknown>
  resolvers: Extensions<unknown>
}): AuditedSettings => {
  const of =
    (extensions: Extensions<unknown>) =>
    (key: string, { settings, before }: SettingsChange) => {
      const schema = extensions.get(key)?.settings.jsonSchema()
      if (schema === undefined) return before === undefined || isSame(before, settings) ? SECRET : CHANGED
      const stored = before === undefined ? undefined : secretsIn(schema, before)
      return withoutSecrets(schema, settings, (path, value) =>
        stored === undefined || isSame(stored.get(path), value) ? SECRET : CHANGED,
      )
    }
  return {
    condition: of(plugins.conditions),
    selector: of(plugins.selectors),
    provider: of(plugins.providers),
    resolver: of(plugins.resolvers),
  }
}

const isSame = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)
