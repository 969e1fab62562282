// Rows as the API shows them, as far as the pages read them.

export interface ActorRow {
  id: string
  type: 'user' | 'helpdesk' | 'auditor' | 'admin' | 'owner' | 'service_account'
  name: string
  email: string | null
  is_disabled: boolean
  created_at: string
}

export interface NamedRow {
  id: string
  name: string
  created_at: string
}

export interface PolicyRow {
  id: string
  group_id: string
  resource_id: string
  description: string | null
  conditions: { condition: string; settings: Record<string, unknown> }[]
  is_disabled: boolean
  mode: 'enforced' | 'shadow'
  created_at: string
}

export interface PluginRow {
  name: string
  version: string
  description: string | null
  provides: { point: string; key: string; settings: Record<string, unknown> | null }[]
}

export interface Rows<Row> {
  data: Row[]
  next_cursor: string | null
}
