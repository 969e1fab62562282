// A form made from the JSON Schema of a plugin's settings, and the settings that the form says.
import type { Field } from './form-definition.ts'
import type { FormValues } from './form-values.ts'

/** Part of JSON Schema that decides on the shape of a field. */
interface Shape {
  type?: string
  title?: string
  description?: string
  enum?: readonly unknown[]
  const?: unknown
  default?: unknown
  writeOnly?: boolean
  properties?: Readonly<Record<string, Shape>>
  required?: readonly string[]
  items?: Shape
}

/** Longest list of choices that is shown at once. */
const MAX_RADIOS = 4

type Kind = 'yes-no' | 'choice' | 'choices' | 'lines' | 'number' | 'text' | 'secret' | 'items' | 'json'

const kindOf = (shape: Shape): Kind => {
  const { type, items } = shape
  if (shape.writeOnly === true) return 'secret'
  if (type === 'boolean') return 'yes-no'
  if (isChoice(shape)) return 'choice'
  if (type === 'array' && items !== undefined) {
    if (isChoice(items)) return 'choices'
    if (items.type === 'string') return 'lines'
    const members = Object.values(items.properties ?? {})
    return members.length > 0 && members.every((member) => !['items', 'json'].includes(kindOf(member)))
      ? 'items'
      : 'json'
  }
  if (type === 'number' || type === 'integer') return 'number'
  return type === 'string' ? 'text' : 'json'
}

const isChoice = (shape: Shape): boolean => shape.enum?.every((value) => typeof value === 'string') === true

/**
 * Returns the fields for settings. Their names begin with `prefix`, as in `c0.ranges`; problems of the API are found below
 * `path`, as in `conditions[0].settings`.
 */
export const settingsFields = (
  schema: Readonly<Record<string, unknown>> | null,
  { prefix, path, values }: { prefix: string; path: string; values: FormValues },
): Field[] =>
  Object.entries((schema as Shape | null)?.properties ?? {}).flatMap(([key, shape]) =>
    fieldsOf(shape, { name: `${prefix}.${key}`, path: `${path}.${key}`, label: labelOf(key, shape), values }),
  )

const fieldsOf = (
  shape: Shape,
  { name, path, label, values }: { name: string; path: string; label: string; values: FormValues },
): Field[] => {
  const named = { name, path, label, ...(shape.description === undefined ? {} : { help: shape.description }) }
  switch (kindOf(shape)) {
    case 'yes-no':
      return [
        {
          ...named,
          kind: 'radios',
          options: [
            { value: 'true', text: 'yes' },
            { value: 'false', text: 'no' },
          ],
        },
      ]
    case 'choice': {
      const options = choicesOf(shape)
      return [{ ...named, kind: options.length > MAX_RADIOS ? 'select' : 'radios', options }]
    }
    case 'choices':
      return [{ ...named, kind: 'ticks', options: choicesOf(shape.items ?? {}) }]
    case 'lines':
      return [{ ...named, kind: 'lines', help: `${shape.description ?? label}, one a line` }]
    case 'number':
      return [{ ...named, kind: 'text', type: 'number' }]
    case 'secret':
      return [
        {
          ...named,
          kind: 'text',
          type: 'password',
          help: `${shape.description ?? ''} Left empty, it stays as it is.`.trim(),
        },
      ]
    case 'text':
      return [{ ...named, kind: 'text' }]
    case 'json':
      return [{ ...named, kind: 'lines', rows: 6, help: `${shape.description ?? label}, as JSON` }]
    case 'items': {
      const members = Object.entries(shape.items?.properties ?? {})
      return [
        ...values.all(name).map((index, place): Field => ({
          kind: 'frame',
          legend: `${label} ${place + 1}`,
          remove: { name: 'remove', value: `${name}.${index}`, text: 'Remove' },
          fields: [
            { kind: 'hidden', name, label: '', path: '', only: index },
            ...members.flatMap(([key, member]) =>
              fieldsOf(member, {
                name: `${name}.${index}.${key}`,
                path: `${path}[${place}].${key}`,
                label: labelOf(key, member),
                values,
              }),
            ),
          ],
        })),
        { kind: 'button', name: 'more', value: name, text: `Add ${label.toLowerCase()}` },
      ]
    }
  }
}

const choicesOf = (shape: Shape) =>
  (shape.enum ?? []).map((value) => ({ value: String(value), text: wordsOf(String(value)) }))

const labelOf = (key: string, { title }: Shape): string => title ?? wordsOf(key)

/** Writes a key for people: `remote_ip` as `Remote ip`. */
const wordsOf = (key: string): string => {
  const words = key.replaceAll('_', ' ').replaceAll(/([a-z])([A-Z])/g, '$1 $2')
  return words.charAt(0).toUpperCase() + words.slice(1)
}

/** Returns the settings that a form says. What is no number or no JSON stays text, which the plugin's schema refuses. */
export const settingsOf = (
  schema: Readonly<Record<string, unknown>> | null,
  prefix: string,
  values: FormValues,
): Record<string, unknown> => membersOf((schema as Shape | null) ?? {}, prefix, values)

const membersOf = (shape: Shape, prefix: string, values: FormValues): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(shape.properties ?? {})
      .map(([key, member]) => [key, valueOf(member, `${prefix}.${key}`, values)] as const)
      .filter(([, value]) => value !== undefined),
  )

const valueOf = (shape: Shape, name: string, values: FormValues): unknown => {
  const text = values.one(name)
  switch (kindOf(shape)) {
    case 'yes-no':
      return text === '' ? undefined : text === 'true'
    case 'choices':
      return [...values.all(name)]
    case 'lines':
      return values.lines(name)
    case 'number': {
      const number = Number(text)
      return text.trim() === '' ? undefined : Number.isNaN(number) ? text : number
    }
    case 'choice':
    case 'secret':
    case 'text':
      return text === '' ? undefined : text
    case 'items':
      return values.all(name).map((index) => membersOf(shape.items ?? {}, `${name}.${index}`, values))
    case 'json':
      return text.trim() === '' ? undefined : jsonOrText(text)
  }
}

const jsonOrText = (text: string): unknown => {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return text
  }
}

/** Returns the values of the fields for stored settings: the inverse of `settingsOf`. */
export const settingsValues = (
  schema: Readonly<Record<string, unknown>> | null,
  prefix: string,
  settings: unknown,
): Record<string, string | readonly string[]> => {
  const members = (settings ?? {}) as Readonly<Record<string, unknown>>
  return Object.assign(
    {},
    ...Object.entries((schema as Shape | null)?.properties ?? {}).map(([key, shape]) =>
      storedValues(shape, `${prefix}.${key}`, members[key]),
    ),
  ) as Record<string, string | readonly string[]>
}

const storedValues = (shape: Shape, name: string, value: unknown): Record<string, string | readonly string[]> => {
  const present = value ?? shape.default
  if (present === undefined) return {}
  switch (kindOf(shape)) {
    case 'choices':
      return { [name]: (present as unknown[]).map(String) }
    case 'lines':
      return { [name]: (present as unknown[]).map(String).join('\n') }
    case 'items': {
      const list = present as readonly unknown[]
      return Object.assign(
        { [name]: list.map((_, index) => String(index)) },
        ...list.map((item, index) =>
          settingsValues((shape.items ?? {}) as Record<string, unknown>, `${name}.${index}`, item),
        ),
      ) as Record<string, string | readonly string[]>
    }
    case 'json':
      return { [name]: JSON.stringify(present, undefined, 2) }
    case 'secret':
      return {}
    case 'yes-no':
    case 'choice':
    case 'number':
    case 'text':
      return { [name]: typeof present === 'string' ? present : JSON.stringify(present) }
  }
}

/** Carries out a button that adds an item to a list of settings, or takes one away; undefined for any other button. */
export const adjustItems = (values: FormValues): FormValues | undefined => {
  const more = values.one('more')
  if (more !== '') {
    const indices = values.all(more)
    const next = Math.max(-1, ...indices.map(Number)) + 1
    return values.with({ [more]: [...indices, String(next)], more: undefined })
  }
  const gone = /^(.+)\.(\d+)$/.exec(values.one('remove'))
  if (gone === null) return undefined
  const [, name = '', index = ''] = gone
  return values.with({ [name]: values.all(name).filter((each) => each !== index), remove: undefined })
}
