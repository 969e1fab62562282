// Flags of a command for the members of a JSON Schema: each has the member's type and description.
import { readFile } from 'node:fs/promises'
import { InvalidArgumentError, Option } from 'commander'
import { OperatorError } from '../../core/config/operator-error.ts'
import type { JsonSchema } from '../api/generate/type-text.ts'
import { NOUN_OF_ID } from './nouns.ts'

/** One member of a body or of a query, and the flags that set it. */
export interface Flag {
  /** Name of the member, such as `site_id`. */
  member: string
  /** Name under which commander keeps the value. */
  key: string
  options: readonly Option[]
  /** Noun of the row whose id the member holds; undefined if it holds none. */
  noun: string | undefined
  isList: boolean
  /** Converts what the flag was given to the member's value. */
  read: (given: unknown) => Promise<unknown>
}

/** Makes the flags for a member; `isRequired` if the command does not work without it. */
export const flagOf = (member: string, schema: JsonSchema, isRequired = false): Flag => {
  const { core, isNullable } = withoutNull(schema)
  const isList = core.type === 'array'
  const item = isList ? (core.items ?? {}) : core
  const noun = NOUN_OF_ID[member]
  const name = (noun === undefined ? member : member.replace(/_id$/, '')).replaceAll('_', '-')
  const text = textOf(schema, noun)
  const isData = item.type === 'object' || item.type === undefined || item.properties !== undefined
  const off = new Option(`--no-${name}`, isNullable ? `no ${name.replaceAll('-', ' ')}` : 'the opposite')
  const base = { member, key: new Option(`--${name} <x>`).attributeName(), noun, isList }
  if (core.type === 'boolean') {
    return { ...base, options: [new Option(`--${name}`, text), off], read: async (given) => Promise.resolve(given) }
  }
  const option = new Option(`--${name} <${placeholder(item, { noun, isData, isList })}>`, text)
  if (isRequired) option.makeOptionMandatory()
  if (item.enum !== undefined && !isList) option.choices(item.enum.map(String))
  if (isData) return { ...base, options: [option], read: async (given) => dataOf(name, String(given)) }
  if (isList) option.argParser(noun === undefined ? commaList(item) : collect)
  else if (item.type === 'integer' || item.type === 'number') option.argParser(number)
  return {
    ...base,
    options: isNullable && !isRequired ? [option, off] : [option],
    read: async (given) => Promise.resolve(given === false ? null : given),
  }
}

const withoutNull = (schema: JsonSchema): { core: JsonSchema; isNullable: boolean } => {
  const types = Array.isArray(schema.type) ? (schema.type as readonly string[]) : undefined
  if (types !== undefined) {
    const [type = 'string'] = types.filter((each) => each !== 'null')
    return { core: { ...schema, type }, isNullable: types.includes('null') }
  }
  const others = (schema.anyOf ?? []).filter(({ type }) => type !== 'null')
  const [only] = others
  if (only === undefined || schema.anyOf === undefined) return { core: schema, isNullable: false }
  return { core: others.length === 1 ? only : {}, isNullable: others.length < schema.anyOf.length }
}

const textOf = ({ description, default: preset }: JsonSchema, noun: string | undefined): string => {
  const told = noun !== undefined ? `the ${noun}: its name, or its id` : (description ?? '')
  const shown = preset === undefined || preset === null || preset === false ? '' : JSON.stringify(preset)
  const isTold = shown === '' || shown === '[]' || shown === '{}'
  return `${told}${isTold ? '' : `${told === '' ? '' : '; '}${shown} by default`}`
}

const placeholder = (
  item: JsonSchema,
  { noun, isData, isList }: { noun: string | undefined; isData: boolean; isList: boolean },
): string => {
  if (noun !== undefined) return noun
  if (isData) return 'YAML or @file'
  const word = item.enum !== undefined ? 'value' : item.type === 'string' ? 'text' : 'number'
  return isList ? `${word},…` : word
}

const collect = (value: string, before: readonly string[] | undefined): readonly string[] => [...(before ?? []), value]

const commaList =
  (item: JsonSchema) =>
  (value: string, before: readonly string[] | undefined): readonly string[] => {
    const values = value.split(',').filter((each) => each !== '')
    const allowed = item.enum?.map(String)
    const wrong = values.find((each) => allowed?.includes(each) === false)
    if (wrong !== undefined) throw new InvalidArgumentError(`${wrong} is none of ${allowed?.join(', ') ?? ''}.`)
    return [...(before ?? []), ...values]
  }

const number = (text: string): number => {
  const value = Number(text)
  if (text.trim() === '' || !Number.isFinite(value)) throw new InvalidArgumentError('Write a number.')
  return value
}

/** Longest file of data for a flag. */
const MAX_CHARACTERS = 1_000_000

/** Reads structured data from YAML, of which JSON is a part, or from a file named after `@`. */
const dataOf = async (name: string, given: string): Promise<unknown> => {
  const text = given.startsWith('@') ? await readData(name, given.slice(1)) : given
  const { parse } = await import('yaml')
  try {
    return parse(text, { maxAliasCount: 100 }) as unknown
  } catch (error) {
    // The message quotes the text, which may have a secret: only its first line, which says what is wrong, is told.
    const [first = ''] = (error as Error).message.split('\n')
    throw new OperatorError('USAGE', `--${name} is neither YAML nor JSON: ${first}`)
  }
}

const readData = async (name: string, path: string): Promise<string> => {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new OperatorError('USAGE', `--${name}: ${path} cannot be read: ${error.code ?? error.message}.`)
  })
  if (text.length <= MAX_CHARACTERS) return text
  throw new OperatorError('USAGE', `--${name}: ${path} is too long.`)
}
