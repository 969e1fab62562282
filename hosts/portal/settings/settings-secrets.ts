// Finds the secrets in a plugin's settings: values that its JSON Schema (2020-12) marks as `writeOnly`, at any depth. A
// value that the schema does not describe, or describes with keywords not understood here, counts as secret.

type Schema = Readonly<Record<string, unknown>>
type Settings = Readonly<Record<string, unknown>>

/**
 * Returns the settings without their secrets, or with the text from `instead` in place of each; its path is written
 * `smtp.password`.
 */
export const withoutSecrets = (
  schema: Schema,
  settings: unknown,
  instead?: (path: string, value: unknown) => string,
): unknown => {
  const shown = show({ root: schema, instead }, partsOf(schema, [schema]), { value: settings, path: '' })
  return shown === HIDDEN ? {} : shown
}

/** Returns the secrets in settings by path, such as `smtp.password`. */
export const secretsIn = (schema: Schema, settings: unknown): ReadonlyMap<string, unknown> =>
  new Map(
    find(schema, partsOf(schema, [schema]), { value: settings, path: '' }, isSecret).map(({ path, value }) => [
      path,
      value,
    ]),
  )

/**
 * Returns new settings completed with the old secrets that they leave out. Secrets in lists are not kept: they must be
 * sent again.
 */
export const withSecretsOf = (schema: Schema, before: unknown, after: Settings): Settings =>
  keep(schema, partsOf(schema, [schema]), { before, after }) as Settings

/**
 * Returns paths of secrets, such as `smtp.password`, that `withSecretsOf` would keep although a web address in the
 * settings changes: the secret would then be sent to the new address, which may not be its owner's.
 */
export const secretsAtNewAddress = (schema: Schema, before: unknown, after: Settings): string[] => {
  const root = partsOf(schema, [schema])
  const addresses = (settings: unknown) =>
    find(schema, root, { value: settings, path: '' }, isAddress).map(({ path, value }) => [path, value])
  if (JSON.stringify(addresses(before)) === JSON.stringify(addresses(after))) return []
  const secrets = (settings: unknown) =>
    find(schema, root, { value: settings, path: '' }, isSecret).map(({ path }) => path)
  const given = new Set(secrets(after))
  return secrets(withSecretsOf(schema, before, after)).filter((path) => !given.has(path))
}

/**
 * Returns the settings that decide whom an identity provider identifies: web addresses, and values that its schema
 * marks `identifies: true`.
 */
export const identifyingSettings = (schema: Schema, settings: unknown): unknown =>
  find(schema, partsOf(schema, [schema]), { value: settings, path: '' }, (parts) =>
    parts.some(({ format, identifies }) => format === 'uri' || identifies === true),
  ).map(({ path, value }) => [path, value])

const HIDDEN = Symbol('hidden')
/** Schema used in place of one that is not understood: secret. */
const OPAQUE: Schema = { writeOnly: true }

const show = (
  how: { root: Schema; instead: ((path: string, value: unknown) => string) | undefined },
  parts: readonly Schema[],
  { value, path }: { value: unknown; path: string },
): unknown => {
  if (isSecret(parts)) return how.instead?.(path, value) ?? HIDDEN
  if (Array.isArray(value)) {
    return value
      .map((item: unknown, at) =>
        show(how, partsOf(how.root, itemSchemas(parts, at)), { value: item, path: `${path}[${at}]` }),
      )
      .filter((item) => item !== HIDDEN)
  }
  if (!isObject(value)) return value
  const members = Object.entries(value).map(([key, member]) => [
    key,
    show(how, memberParts(how.root, parts, key), { value: member, path: path === '' ? key : `${path}.${key}` }),
  ])
  return Object.fromEntries(members.filter(([, member]) => member !== HIDDEN))
}

const keep = (
  root: Schema,
  parts: readonly Schema[],
  { before, after }: { before: unknown; after: unknown },
): unknown => {
  if (!isObject(before) || !isObject(after)) return after
  const left = Object.entries(before).filter(([key]) => {
    const own = memberParts(root, parts, key)
    return !Object.hasOwn(after, key) && own.length > 0 && isSecret(own)
  })
  const given = Object.entries(after).map(([key, member]) => {
    const own = memberParts(root, parts, key)
    const stored = Object.hasOwn(before, key) ? before[key] : undefined
    return [key, isSecret(own) ? member : keep(root, own, { before: stored, after: member })]
  })
  return Object.fromEntries([...left, ...given])
}

/** Returns the values whose schemas satisfy `isWanted`, in the order of their paths. */
const find = (
  root: Schema,
  parts: readonly Schema[],
  at: { value: unknown; path: string },
  isWanted: (parts: readonly Schema[]) => boolean,
): { value: unknown; path: string }[] => {
  const { value, path } = at
  if (isWanted(parts)) return [at]
  if (Array.isArray(value)) {
    return value.flatMap((item: unknown, index) =>
      find(root, partsOf(root, itemSchemas(parts, index)), { value: item, path: `${path}[${index}]` }, isWanted),
    )
  }
  if (!isObject(value)) return []
  return Object.keys(value)
    .toSorted()
    .flatMap((key) => {
      const member = { value: value[key], path: path === '' ? key : `${path}.${key}` }
      return find(root, memberParts(root, parts, key), member, isWanted)
    })
}

const isAddress = (parts: readonly Schema[]): boolean => parts.some(({ format }) => format === 'uri')

/** A value without any schema counts as secret. */
const isSecret = (parts: readonly Schema[]): boolean =>
  parts.length === 0 || parts.some(({ writeOnly }) => writeOnly === true)

/**
 * Returns every schema that may describe the same value: references and all branches of a union, because it is unknown
 * which branch the value was written for.
 */
const partsOf = (root: Schema, schemas: readonly unknown[], seen = new Set<unknown>()): Schema[] =>
  schemas.flatMap((schema): Schema[] => {
    if (schema === true) return [{}]
    if (schema === false || seen.has(schema)) return []
    if (!isObject(schema) || Object.keys(schema).some((keyword) => NOT_UNDERSTOOD.has(keyword))) return [OPAQUE]
    seen.add(schema)
    const { $ref: reference, anyOf, oneOf, allOf } = schema
    const named = reference === undefined ? [] : [target(root, reference)]
    const branches = [anyOf, oneOf, allOf].flatMap((each) => (Array.isArray(each) ? (each as unknown[]) : []))
    return [schema, ...partsOf(root, [...named, ...branches], seen)]
  })

const memberParts = (root: Schema, parts: readonly Schema[], key: string): Schema[] =>
  partsOf(
    root,
    parts.flatMap(({ properties, additionalProperties, ...rest }): unknown[] => {
      if (isObject(properties) && Object.hasOwn(properties, key)) return [properties[key]]
      if (additionalProperties !== undefined) return [additionalProperties]
      return properties === undefined && isAnything(rest) ? [true] : []
    }),
  )

const itemSchemas = (parts: readonly Schema[], at: number): unknown[] =>
  parts.flatMap(({ prefixItems, items, ...rest }): unknown[] => {
    if (Array.isArray(prefixItems) && at < prefixItems.length) return [prefixItems[at] as unknown]
    if (items !== undefined) return [items]
    return prefixItems === undefined && isAnything(rest) ? [true] : []
  })

/** Whether a schema does not restrict the shape of its value; the members are then as public as the value. */
const isAnything = (schema: Schema): boolean => !Object.keys(schema).some((keyword) => SHAPES.has(keyword))

/** Resolves a JSON Pointer (RFC 6901) within the same document. */
const target = (root: Schema, reference: unknown): unknown => {
  if (typeof reference !== 'string' || !/^#(?:\/|$)/.test(reference)) return undefined
  return reference
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce<unknown>((at, step) => (isObject(at) && Object.hasOwn(at, step) ? at[step] : undefined), root)
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const SHAPES = new Set([
  'type',
  'properties',
  'additionalProperties',
  'items',
  'prefixItems',
  'const',
  'enum',
  '$ref',
  'anyOf',
  'oneOf',
  'allOf',
])

/** Keywords whose subschemas apply conditionally, or to members not selected by name. */
const NOT_UNDERSTOOD = new Set([
  'if',
  'then',
  'else',
  'not',
  'patternProperties',
  'dependentSchemas',
  'unevaluatedProperties',
  'unevaluatedItems',
  'contains',
  '$dynamicRef',
])
