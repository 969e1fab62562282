import type { Field } from './form-definition.ts'
import type { FormValues } from './form-values.ts'

/** A field of a form as a line of a list. */
export interface SpokenField {
  name: string
  label: string
  /** Value in words, with line breaks where it has several lines; empty where there is none. */
  text: string
  /** Whether the value is a secret, which no page repeats. */
  isSecret: boolean
}

/** Fields beneath one heading of a form. */
export interface SpokenSection {
  /** Text of the heading, or legend of the frame; undefined for the fields on top. */
  heading: string | undefined
  aside?: string
  isFrame: boolean
  lines: readonly SpokenField[]
}

/** Returns the fields of a form as lists of what they say, without buttons and hidden fields. */
export const spokenSections = (fields: readonly Field[], values: FormValues): SpokenSection[] => {
  const sections: (SpokenSection & { lines: SpokenField[] })[] = []
  let open: (SpokenSection & { lines: SpokenField[] }) | undefined
  for (const field of fields) {
    if (field.kind === 'heading' || field.kind === 'frame') {
      const isFrame = field.kind === 'frame'
      const lines = isFrame ? linesOf(field.fields, values) : []
      const aside = isFrame ? field.badge : field.aside
      open = {
        heading: isFrame ? field.legend : field.text,
        ...(aside === undefined ? {} : { aside }),
        isFrame,
        lines,
      }
      sections.push(open)
      continue
    }
    const line = lineOf(field, values)
    if (line === undefined) continue
    if (open === undefined) sections.push((open = { heading: undefined, isFrame: false, lines: [] }))
    open.lines.push(line)
  }
  return sections
}

const linesOf = (fields: readonly Field[], values: FormValues): SpokenField[] =>
  fields.flatMap((field) => {
    if (field.kind !== 'frame') return lineOf(field, values) ?? []
    return linesOf(field.fields, values).map((line) => ({ ...line, label: `${field.legend}: ${line.label}` }))
  })

const lineOf = (field: Field, values: FormValues): SpokenField | undefined => {
  switch (field.kind) {
    case 'heading':
    case 'adding':
    case 'button':
    case 'hidden':
    case 'frame':
      return undefined
    case 'text':
    case 'lines': {
      const isSecret = field.kind === 'text' && field.type === 'password'
      return { name: field.name, label: field.label, text: isSecret ? '' : values.one(field.name), isSecret }
    }
    case 'select':
    case 'radios':
    case 'ticks': {
      const chosen = values.all(field.name)
      const texts = chosen.map((value) => field.options.find((option) => option.value === value)?.text ?? value)
      return { name: field.name, label: field.label, text: texts.join('\n'), isSecret: false }
    }
  }
}
