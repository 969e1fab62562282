import type { AdminForm, AdminPage, AdminParts } from './page/admin-parts.ts'
import { formPage } from './form/form-page.ts'
import { listPage } from './list/list-page.ts'
import { people } from './who/people.ts'
import { deletePerson, editPerson, newPerson } from './who/person-form.ts'
import { policies } from './access/policies.ts'
import { deletePolicy, editPolicy, newPolicy } from './access/policy-form.ts'

/** Returns all pages for admins, and the forms on them. Paths without variables stand before those with. */
export const pagesOf = (_parts: AdminParts): { pages: AdminPage[]; forms: AdminForm[] } => {
  const both = [
    formPage(newPerson),
    formPage(editPerson),
    formPage(deletePerson),
    formPage(newPolicy),
    formPage(editPolicy),
    formPage(deletePolicy),
  ]
  return {
    pages: [listPage(people), listPage(policies), ...both.map(({ page }) => page)],
    forms: both.map(({ form }) => form),
  }
}
