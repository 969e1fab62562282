import { changeAll, deleteAll } from '../bulk/bulk-acts.ts'
import type { Selection } from '../bulk/selection.ts'
import type { FormDefinition } from '../form/form-definition.ts'
import type { ClientRow, NamedRow } from '../page/api-rows.ts'
import { devices } from './devices.ts'
import { groups } from './groups.ts'

const name = (row: NamedRow): string => row.name

/** Verifies the selected devices. */
export const verifyDevices: FormDefinition<Selection<ClientRow>> = changeAll({
  list: devices,
  path: '/devices/verify',
  name,
  verb: 'Verify',
  body: { is_verified: true },
  lead: 'Compare each device key with what “portreeve client status” shows on the device.',
})

/** Takes the verification of the selected devices back. */
export const unverifyDevices: FormDefinition<Selection<ClientRow>> = changeAll({
  list: devices,
  path: '/devices/unverify',
  name,
  verb: 'Take verification back of',
  body: { is_verified: false },
  lead: 'Conditions that ask for a verified device do not hold any more.',
})

/** Deletes the selected devices. */
export const deleteDevices: FormDefinition<Selection<ClientRow>> = deleteAll({
  list: devices,
  path: '/devices/delete',
  name,
  verb: 'Delete',
  lead: 'A device whose person is still signed in there comes back by itself, without its verification.',
})

/** Deletes the selected groups. */
export const deleteGroups: FormDefinition<Selection<NamedRow>> = deleteAll({
  list: groups,
  path: '/groups/delete',
  name,
  verb: 'Delete',
  lead: 'Their policies go along, and with them the access that they give.',
})
