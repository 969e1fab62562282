import { changeAll, deleteAll } from '../bulk/bulk-acts.ts'
import type { Selection } from '../bulk/selection.ts'
import type { FormDefinition } from '../form/form-definition.ts'
import type { ProviderRow, TokenRow } from '../page/api-rows.ts'
import { providers } from './providers.ts'
import { tokens } from './tokens.ts'

/** Revokes the selected tokens. */
export const revokeTokens: FormDefinition<Selection<TokenRow>> = deleteAll({
  list: tokens,
  path: '/tokens/revoke',
  name: (row) => row.name,
  verb: 'Revoke',
  lead: 'Whatever uses them is refused at once, and its connections are cut.',
})

/** Disables the selected identity providers. */
export const disableProviders: FormDefinition<Selection<ProviderRow>> = changeAll({
  list: providers,
  path: '/providers/disable',
  name: (row) => row.name,
  verb: 'Disable',
  body: { is_disabled: true },
  lead: 'Nobody signs in by them, and sessions from such sign-ins end.',
})

/** Enables the selected identity providers again. */
export const enableProviders: FormDefinition<Selection<ProviderRow>> = changeAll({
  list: providers,
  path: '/providers/enable',
  name: (row) => row.name,
  verb: 'Enable',
  body: { is_disabled: false },
})
