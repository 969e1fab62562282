import { notFound } from '../../http/problem.ts'
import { formFields, formValues } from '../../http/form-fields.ts'
import type { ProviderTest } from '../../provider-test/provider-test.ts'
import type { IdentityProviderRow } from '../../../store/entities.ts'
import type { FormDefinition } from '../form/form-definition.ts'
import { formPage } from '../form/form-page.ts'
import { FormValues } from '../form/form-values.ts'
import { loadedRow } from '../form/load-row.ts'
import type { AdminForm, AdminPage, View, Visit } from '../page/admin-parts.ts'
import type { ProviderRow } from '../page/api-rows.ts'
import { editProvider } from './providers.ts'
import { resultView } from './test-result.ts'

const PATH = '/providers/:id/test'

/** The page from which an admin begins a test sign-in at a provider. */
export const testPage: AdminPage = {
  path: PATH,
  needs: 'identity_providers:read',
  watches: [],
  view: async (visit) => {
    const { row: provider } = await loadedRow<ProviderRow>('/identity_providers')(visit)
    return {
      ...frame(visit, provider),
      template: 'provider-test',
      data: {
        action: `${visit.base}/providers/${provider.id}/test`,
        mayTest: visit.may('identity_providers:write'),
        isOver: 'over' in visit.query,
        isDisabled: provider.is_disabled,
        callback: provider.callback_url,
      },
    }
  },
}

/** Begins a test: of the provider as it is saved, or as a form of it says. */
export const beginTest: AdminForm = {
  path: PATH,
  needs: 'identity_providers:write',
  act: async (visit) => {
    const { parts, caller, ctx, session } = visit
    const sent = new FormValues(formValues(ctx))
    const saved = await parts.store.reader(caller.account.id).get('identity_providers', ctx.params['id'] ?? '')
    if (saved === undefined) throw notFound()
    const chooseAccount = sent.one('choose_account') === 'yes'
    if (!sent.has('name')) {
      await parts.tests.begin(ctx, { session, provider: saved, chooseAccount })
      return undefined
    }
    const typed = await typedProvider(visit, saved, sent)
    if (typed === undefined) return formPage(editProvider).form.act(visit)
    await parts.tests.begin(ctx, { session, ...typed, chooseAccount })
    return undefined
  },
}

/** Returns the provider as a form would save it; undefined if the API would refuse that. */
const typedProvider = async (
  visit: Visit,
  saved: IdentityProviderRow,
  values: FormValues,
): Promise<{ provider: IdentityProviderRow; unsaved?: Readonly<Record<string, unknown>> } | undefined> => {
  const { row } = (await editProvider.load?.(visit)) ?? {}
  if (row === undefined) return undefined
  const call = editProvider.call({ visit, row }, values)
  const { outcome, changes } = await visit.parts.api.rehearse(visit.caller, call)
  if (!outcome.ok) return undefined
  for (const change of changes) {
    if (change.entity !== 'identity_providers' || change.id !== saved.id || change.after === undefined) continue
    return { provider: change.after, unsaved: call.body as Readonly<Record<string, unknown>> }
  }
  return { provider: saved }
}

/** The page of one test: what was done, what came and what it becomes, or what the provider asks. */
export const testResult: AdminPage = {
  path: `${PATH}/:test`,
  needs: 'identity_providers:write',
  watches: [],
  view: async (visit) => {
    const { row: provider } = await loadedRow<ProviderRow>('/identity_providers')(visit)
    const test = await testOf(visit)
    if (test === undefined) return overView(visit, provider)
    const { data, mark } = await resultView(visit, test)
    const here = `${visit.base}/providers/${provider.id}`
    return {
      ...frame(visit, provider),
      template: 'provider-test-result',
      data: {
        ...data,
        mark,
        action: `${here}/test`,
        here: `${here}/test/${test.id}`,
        editUrl: `${here}/edit`,
        saveUrl: test.unsaved === undefined ? undefined : `${here}/test/${test.id}/save`,
        enableUrl: provider.is_disabled && mark.mark === 'yes' ? `${here}/enable` : undefined,
        provider: provider.name,
      },
    }
  },
}

/** Answers a form that the provider's plugin shows in a test. */
export const answerTestForm: AdminForm = {
  path: `${PATH}/:test`,
  needs: 'identity_providers:write',
  act: async (visit) => {
    const { ctx, parts, session } = visit
    const { csrf: _, ...fields } = formFields(ctx)
    const { id = '', test = '' } = ctx.params
    if (await parts.tests.answer(ctx, { session, providerId: id, id: test, fields })) return undefined
    ctx.redirect(`${visit.base}/providers/${encodeURIComponent(id)}/test/${encodeURIComponent(test)}`)
    ctx.status = 303
    return undefined
  },
}

interface TestedAbout {
  provider: ProviderRow
  unsaved: Readonly<Record<string, unknown>>
}

/** The page that saves the settings that were tested. */
export const saveTested: FormDefinition<TestedAbout> = {
  path: `${PATH}/:test/save`,
  needs: 'identity_providers:write',
  load: async (visit) => {
    const { row: provider, version } = await loadedRow<ProviderRow>('/identity_providers')(visit)
    const { unsaved } = (await testOf(visit)) ?? {}
    if (unsaved === undefined) throw notFound()
    return { row: { provider, unsaved }, version }
  },
  title: ({ row }) => `Save ${row.provider.name} as it was tested?`,
  crumbs: ({ visit, row: { provider } }) => crumbs(visit, provider),
  lead: () => 'What the form said when the test began is saved, secrets included.',
  values: () => new FormValues({}),
  fields: () => [],
  call: ({ row: { provider, unsaved } }) => ({
    method: 'PATCH',
    path: `/identity_providers/${provider.id}`,
    body: unsaved,
  }),
  done: ({ row }) => `/providers/${row.provider.id}/edit`,
  verb: () => 'Save',
  leave: ({ row }) => `/providers/${row.provider.id}/edit`,
}

/** The page that enables a provider. */
export const enableProvider: FormDefinition<ProviderRow> = {
  path: '/providers/:id/enable',
  needs: 'identity_providers:write',
  load: loadedRow<ProviderRow>('/identity_providers'),
  title: ({ row }) => `Enable ${row.name}?`,
  crumbs: ({ visit, row }) => crumbs(visit, row),
  lead: () => 'Enabled, it is offered to everybody who signs in.',
  values: () => new FormValues({}),
  fields: () => [],
  call: ({ row }) => ({ method: 'PATCH', path: `/identity_providers/${row.id}`, body: { is_disabled: false } }),
  done: () => '/providers',
  verb: ({ row }) => `Enable ${row.name}`,
  leave: ({ row }) => `/providers/${row.id}/edit`,
}

const testOf = async ({ parts, session, ctx }: Visit): Promise<ProviderTest | undefined> =>
  parts.tests.find(session, { providerId: ctx.params['id'] ?? '', id: ctx.params['test'] ?? '' })

const crumbs = ({ base }: Visit, { id, name }: ProviderRow) => [
  { text: 'Identity providers', url: `${base}/providers` },
  { text: name, url: `${base}/providers/${id}/edit` },
]

const frame = (visit: Visit, provider: ProviderRow): Pick<View, 'title' | 'crumbs'> => ({
  title: `Test sign-in: ${provider.name}`,
  crumbs: crumbs(visit, provider),
})

/** The page of a test that is over, or was made in another session. */
const overView = async (visit: Visit, provider: ProviderRow): Promise<View> => ({
  ...(await testPage.view({ ...visit, query: { over: '' } })),
  address: `${visit.base}/providers/${provider.id}/test`,
})
