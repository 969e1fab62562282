import type { NamedRow, TokenRow } from '../page/api-rows.ts'
import { Problem } from '../../http/problem.ts'
import type { FormDefinition } from '../form/form-definition.ts'
import { FormValues } from '../form/form-values.ts'
import type { Visit } from '../page/admin-parts.ts'

interface SignIn extends Pick<TokenRow, 'id' | 'name'> {
  person: Pick<NamedRow, 'id' | 'name'>
}

const signInOf = async ({ ctx, parts, caller }: Visit): Promise<SignIn> => {
  const reader = parts.store.reader(caller.account.id)
  const token = await reader.get('tokens', ctx.params['id'] ?? '')
  const person =
    token?.kind === 'client' && token.actorId !== null ? await reader.get('actors', token.actorId) : undefined
  if (token === undefined || person === undefined) throw new Problem(404, 'not_found', 'There is no such sign-in.')
  return { id: token.id, name: token.name, person }
}

/** The page that asks before the sign-in of a client is ended. */
export const endSignIn: FormDefinition<SignIn> = {
  path: '/sign-ins/:id/end',
  needs: 'sessions:write',
  load: async (visit) => ({ row: await signInOf(visit), version: undefined }),
  title: ({ row }) => `End the sign-in ${row.name} of ${row.person.name}?`,
  crumbs: ({ visit, row }) => [
    { text: 'People', url: `${visit.base}/people` },
    { text: row.person.name, url: `${visit.base}/people/${row.person.id}` },
  ],
  lead: () => 'Its connections are cut, and whoever uses it has to sign in again.',
  values: () => new FormValues({}),
  fields: () => [],
  call: ({ row }) => ({ method: 'DELETE', path: `/client_tokens/${row.id}` }),
  done: ({ row }) => `/people/${row.person.id}`,
  verb: () => 'End the sign-in',
  isHarm: true,
  leave: ({ row }) => `/people/${row.person.id}`,
}
