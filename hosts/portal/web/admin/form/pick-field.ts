import { findChoices, type Choice, type ChoiceKind } from '../page/choices.ts'
import type { Visit } from '../page/admin-parts.ts'
import type { Field } from './form-definition.ts'
import type { FormValues } from './form-values.ts'

/** Returns the name of the field in which a person types a part of a name, to find what another field offers. */
export const findName = (name: string): string => `find.${name}`

/**
 * Makes a field that chooses one row. Where there are many, it offers those whose names contain what was typed beside
 * it; the form is shown again for that, and keeps what is filled in.
 */
export const pickField = async (
  visit: Visit,
  values: FormValues,
  {
    kind,
    name,
    none,
    first = { value: '', text: none },
    ...field
  }: {
    kind: ChoiceKind
    name: string
    label: string
    /** Words for the choice of nothing. */
    none: string
    /** Choice before those that are found, in place of that of nothing. */
    first?: Choice
    help?: string
    path?: string
  },
): Promise<Field> => {
  const search = values.one(findName(name)).trim().slice(0, 200)
  const { options, more, isLarge } = await findChoices(visit, kind, { search, chosen: values.all(name) })
  // The only one that was found is chosen by itself.
  const isOnly = search !== '' && options.length === 1
  return {
    kind: 'select',
    name,
    ...field,
    options: isOnly ? options : [first, ...options.filter(({ value }) => value !== first.value)],
    ...(isLarge ? { find: { name: findName(name), value: search, more } } : {}),
  }
}
