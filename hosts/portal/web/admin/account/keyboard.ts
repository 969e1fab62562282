import { formFields } from '../../http/form-fields.ts'
import type { AdminForm, AdminPage } from '../page/admin-parts.ts'
import { changePreferences } from '../page/preferences.ts'

const PATH = '/keyboard'

/** The page with the keys that act on the pages, where each person switches the single ones off or on. */
export const keyboardPage: AdminPage = {
  path: PATH,
  needs: 'actors:read',
  watches: [],
  view: async (visit) => ({
    template: 'keyboard',
    title: 'Keyboard',
    data: { action: `${visit.base}${PATH}`, hasKeys: (await visit.preferences()).hasKeys },
  }),
}

/** The form that switches single keys off or on for the visitor. */
export const keyboardForm: AdminForm = {
  path: PATH,
  needs: 'actors:read',
  act: async (visit) => {
    const hasKeys = formFields(visit.ctx)['keys'] !== 'off'
    await changePreferences(visit.parts.store, visit.session, (present) => ({ ...present, hasKeys }))
    visit.ctx.redirect(`${visit.base}${PATH}`)
    visit.ctx.status = 303
    return undefined
  },
}
