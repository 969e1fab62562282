import type { FormDefinition } from '../form/form-definition.ts'
import { FormValues } from '../form/form-values.ts'
import type { Visit } from '../page/admin-parts.ts'

const RANGES = ['devices_ipv4', 'devices_ipv6', 'mapped_ipv4', 'mapped_ipv6'] as const

interface AccountRow {
  id: string
  slug: string
  name: string
  address_ranges: Record<(typeof RANGES)[number], string>
}

const LABELS: Readonly<Record<(typeof RANGES)[number], readonly [label: string, help: string]>> = {
  devices_ipv4: ['Devices, IPv4', 'A prefix of 11 to 22 bits.'],
  devices_ipv6: ['Devices, IPv6', 'A /64.'],
  mapped_ipv4: ['Names of resources, IPv4', 'A prefix of 11 to 18 bits.'],
  mapped_ipv6: ['Names of resources, IPv6', 'A /64.'],
}

/** The form with the account's own settings. */
export const settingsForm: FormDefinition<AccountRow> = {
  path: '/settings',
  needs: 'account:write',
  reading: { needs: 'account:read' },
  load: async ({ parts, caller }: Visit) => {
    const outcome = await parts.api.call<AccountRow>(caller, { method: 'GET', path: '/account' })
    if (!outcome.ok) throw outcome.problem
    return { row: outcome.body, version: outcome.version }
  },
  title: () => 'Settings',
  crumbs: () => [],
  values: ({ row }) => new FormValues({ name: row.name, ...row.address_ranges }),
  fields: () => [
    {
      kind: 'text',
      name: 'name',
      label: 'Name of the organisation',
      help: 'Shown on every page, and at the sign-in.',
      isWide: true,
    },
    { kind: 'heading', text: 'Addresses in tunnels', aside: 'a change ends all connections' },
    ...RANGES.map((name) => {
      const [label, help] = LABELS[name]
      return { kind: 'text' as const, name, label, help, path: `address_ranges.${name}` }
    }),
  ],
  // Ranges that stay are not sent: an account with the usual ones goes along when those change.
  call: ({ row }, values) => {
    const ranges = Object.fromEntries(RANGES.map((name) => [name, values.one(name).trim()]))
    const isOther = RANGES.some((name) => ranges[name] !== row.address_ranges[name])
    return {
      method: 'PATCH',
      path: '/account',
      body: { name: values.one('name').trim(), ...(isOther ? { address_ranges: ranges } : {}) },
    }
  },
  done: () => '/settings',
  verb: () => 'Save',
  leave: () => '',
}
