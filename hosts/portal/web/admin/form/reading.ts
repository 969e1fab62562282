import { roleOf } from '../../../identity/permissions.ts'
import type { View } from '../page/admin-parts.ts'
import type { FormAbout, FormDefinition } from './form-definition.ts'
import { spokenSections } from './spoken-fields.ts'

/** Returns the page that shows a form as a list, to somebody who may read what it is about and not change it. */
export const readingView = async <Row>(definition: FormDefinition<Row>, about: FormAbout<Row>): Promise<View> => {
  const { visit } = about
  const values = definition.values(about)
  const { type } = visit.session.actor
  const { title, also = () => [] } = definition.reading ?? {}
  return {
    template: 'reading',
    title: title?.(about) ?? definition.title(about),
    crumbs: definition.crumbs(about),
    data: {
      reader: roleOf(type) ?? type,
      lead: definition.lead?.(about),
      links: also(about).map(({ text, path }) => ({ text, url: `${visit.base}${path}` })),
      lists: spokenSections(await definition.fields(about, values), values),
    },
  }
}
