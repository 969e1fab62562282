import type { Extensions } from '../../core/plugin/extension-point.ts'
import { withoutSecrets } from './settings-secrets.ts'
import type { AuditedSettings } from './store/audit-trail.ts'

const SECRET = '[secret]'

/** Settings for the audit trail: secrets by their plugins' schemas as `[secret]`, all of them where the plugin is not loaded. */
export const auditedSettings = (plugins: {
  conditions: Extensions<unknown>
  selectors: Extensions<unknown>
}): AuditedSettings => {
  const of = (extensions: Extensions<unknown>) => (key: string, settings: unknown) => {
    const extension = extensions.get(key)
    return extension === undefined ? SECRET : withoutSecrets(extension.settings.jsonSchema(), settings, SECRET)
  }
  return { condition: of(plugins.conditions), selector: of(plugins.selectors) }
}
