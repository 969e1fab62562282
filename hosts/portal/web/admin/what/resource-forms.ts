import type { NamedRow, ResourceRow } from '../page/api-rows.ts'
import type { Visit } from '../page/admin-parts.ts'
import { deletion } from '../form/deletion.ts'
import type { Field, FormDefinition } from '../form/form-definition.ts'
import { FormValues } from '../form/form-values.ts'
import { loadedRow } from '../form/load-row.ts'
import { pickField } from '../form/pick-field.ts'

const CRUMBS = ({ base }: Visit) => [{ text: 'Resources', url: `${base}/resources` }]

/** The form for a new resource. */
export const newResource: FormDefinition = {
  path: '/resources/new',
  needs: 'resources:write',
  title: () => 'Add a resource',
  crumbs: ({ visit }) => CRUMBS(visit),
  values: ({ visit: { query } }) =>
    new FormValues({ type: 'dns', ip_stack: 'dual', site_id: query['site_id'] ?? '', pass: ['tcp', 'udp', 'icmp'] }),
  fields: ({ visit }, values) => fieldsOf(visit, values),
  call: (_, values) => ({ method: 'POST', path: '/resources', body: bodyOf(values) }),
  done: (_, answer) => `/resources/${(answer as NamedRow).id}`,
  verb: () => 'Add',
  leave: () => '/resources',
}

/** The form that changes a resource. */
export const editResource: FormDefinition<ResourceRow> = {
  path: '/resources/:id/edit',
  needs: 'resources:write',
  load: loadedRow('/resources'),
  title: ({ row }) => `Edit ${row.name}`,
  crumbs: ({ visit, row }) => [...CRUMBS(visit), { text: row.name, url: `${visit.base}/resources/${row.id}` }],
  values: ({ row }) => valuesOf(row),
  fields: ({ visit }, values) => fieldsOf(visit, values),
  call: ({ row }, values) => ({ method: 'PATCH', path: `/resources/${row.id}`, body: bodyOf(values) }),
  done: ({ row }) => `/resources/${row.id}`,
  verb: () => 'Save',
  leave: ({ row }) => `/resources/${row.id}`,
}

/** The page that asks before a resource is deleted. */
export const deleteResource: FormDefinition<ResourceRow> = deletion({
  path: '/resources',
  api: '/resources',
  needs: 'resources:write',
  list: 'Resources',
  lead: 'The policies on it go along.',
})

const PROTOCOLS = ['tcp', 'udp', 'icmp'] as const

const fieldsOf = async (visit: Visit, values: FormValues): Promise<Field[]> => [
  { kind: 'text', name: 'name', label: 'Name', help: 'People see it in their lists.' },
  await pickField(visit, values, {
    kind: 'sites',
    name: 'site_id',
    label: 'Site',
    help: 'Its gateways have to reach the address.',
    none: 'choose a site',
  }),
  {
    kind: 'radios',
    name: 'type',
    label: 'Kind',
    options: [
      { value: 'dns', text: 'DNS name' },
      { value: 'ip', text: 'One address' },
      { value: 'cidr', text: 'Network' },
      { value: 'internet', text: 'The Internet' },
    ],
    isWide: true,
  },
  {
    kind: 'text',
    name: 'address',
    label: 'Address',
    help: 'A name (wiki.example.org), its names (*.example.org: one label; **.example.org: all), an address or a network. Empty for the Internet.',
    isWide: true,
  },
  {
    kind: 'ticks',
    name: 'pass',
    label: 'Lets pass',
    path: 'filters',
    options: PROTOCOLS.map((value) => ({ value, text: value.toUpperCase() })),
    isWide: true,
  },
  { kind: 'text', name: 'tcp', label: 'TCP ports', path: 'filters.tcp', help: 'Such as 443, 8000-8999. Empty: all.' },
  { kind: 'text', name: 'udp', label: 'UDP ports', path: 'filters.udp', help: 'Empty: all.' },
  { kind: 'text', name: 'address_description', label: 'Note', help: 'Shown beside the name.', isWide: true },
  {
    kind: 'radios',
    name: 'ip_stack',
    label: 'Address families of a name',
    options: [
      { value: 'dual', text: 'both' },
      { value: 'ipv4_only', text: 'IPv4 only' },
      { value: 'ipv6_only', text: 'IPv6 only' },
    ],
    isWide: true,
  },
]

const bodyOf = (values: FormValues) => {
  const type = values.one('type')
  const pass = PROTOCOLS.filter((protocol) => values.all('pass').includes(protocol))
  const portsOf = (name: string) =>
    values
      .one(name)
      .split(/[\s,]+/)
      .filter((port) => port !== '')
  const filters = pass.map((protocol) => ({ protocol, ports: protocol === 'icmp' ? [] : portsOf(protocol) }))
  const isAll = filters.length === PROTOCOLS.length && filters.every(({ ports }) => ports.length === 0)
  return {
    name: values.one('name').trim(),
    site_id: values.one('site_id'),
    type,
    address: type === 'internet' ? null : values.textOrNull('address'),
    address_description: values.textOrNull('address_description'),
    filters: isAll ? [] : filters,
    ip_stack: values.one('ip_stack') || 'dual',
  }
}

const valuesOf = (row: ResourceRow): FormValues => {
  const portsOf = (protocol: string) =>
    row.filters.find((filter) => filter.protocol === protocol)?.ports.join(', ') ?? ''
  return new FormValues({
    name: row.name,
    site_id: row.site_id,
    type: row.type,
    address: row.address ?? '',
    address_description: row.address_description ?? '',
    ip_stack: row.ip_stack,
    pass: row.filters.length === 0 ? [...PROTOCOLS] : row.filters.map(({ protocol }) => protocol),
    tcp: portsOf('tcp'),
    udp: portsOf('udp'),
  })
}
