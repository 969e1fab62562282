import { expect } from 'chai'
import { describe, it } from 'mocha'
import { z } from 'zod'
import {
  secretsAtNewAddress,
  withoutSecrets,
  withSecretsOf,
} from '../../../../hosts/portal/settings/settings-secrets.ts'

const Secret = z.string().meta({ writeOnly: true })
const Smtp = z.strictObject({ host: z.string(), password: Secret.optional() })
const Named = Smtp.meta({ id: 'Smtp' })
interface Tree {
  token?: string | undefined
  name?: string | undefined
  children?: Tree[] | undefined
}
const Tree: z.ZodType<Tree> = z.strictObject({
  token: Secret.optional(),
  name: z.string().optional(),
  get children() {
    return z.array(Tree).optional()
  },
})
const schemaOf = (schema: z.ZodType) => z.toJSONSchema(schema, { io: 'input' })

describe('the secrets in settings', () => {
  const shown: [string, z.ZodType, unknown, unknown][] = [
    ['at the top', z.strictObject({ a: z.int(), key: Secret }), { a: 1, key: 'x' }, { a: 1 }],
    ['in an object', z.strictObject({ smtp: Smtp }), { smtp: { host: 'h', password: 'x' } }, { smtp: { host: 'h' } }],
    [
      'in a list',
      z.strictObject({ all: z.array(Smtp) }),
      { all: [{ host: 'h', password: 'x' }] },
      { all: [{ host: 'h' }] },
    ],
    ['as the items of a list', z.strictObject({ keys: z.array(Secret) }), { keys: ['x', 'y'] }, { keys: [] }],
    ['in a tuple', z.strictObject({ pair: z.tuple([z.string(), Secret]) }), { pair: ['h', 'x'] }, { pair: ['h'] }],
    [
      'in a record',
      z.strictObject({ by: z.record(z.string(), Smtp) }),
      { by: { a: { host: 'h', password: 'x' } } },
      { by: { a: { host: 'h' } } },
    ],
    ['nullable, with a default', z.strictObject({ key: Secret.nullable().default('d') }), { key: 'x' }, {}],
    [
      'in a branch of a union',
      z.strictObject({
        auth: z.discriminatedUnion('by', [
          z.strictObject({ by: z.literal('none') }),
          z.strictObject({ by: z.literal('key'), key: Secret }),
        ]),
      }),
      { auth: { by: 'key', key: 'x' } },
      { auth: { by: 'key' } },
    ],
    [
      'at the top of a union',
      z.union([z.strictObject({ key: Secret }), z.strictObject({ a: z.int() })]),
      { key: 'x' },
      {},
    ],
    [
      'in an intersection',
      z.intersection(z.object({ a: z.int() }), z.object({ key: Secret })),
      { a: 1, key: 'x' },
      { a: 1 },
    ],
    [
      'behind a name',
      z.strictObject({ one: Named.optional(), two: Named }),
      { two: { host: 'h', password: 'x' } },
      { two: { host: 'h' } },
    ],
    [
      'in a tree',
      Tree,
      { name: 'r', children: [{ token: 'x', children: [{ token: 'y', name: 'n' }] }] },
      { name: 'r', children: [{ children: [{ name: 'n' }] }] },
    ],
    [
      'before a transformation',
      z.strictObject({
        key: Secret.transform((text) => text.length),
        a: z.preprocess((value) => value, z.strictObject({ key: Secret })),
      }),
      { key: 'x', a: { key: 'y' } },
      { a: {} },
    ],
    ['under a name that the schema does not know', z.strictObject({ a: z.int() }), { a: 1, was_a_key: 'x' }, { a: 1 }],
  ]
  for (const [where, schema, settings, expected] of shown) {
    it(`secrets in settings are not shown: ${where}`, () => {
      expect(schema.safeParse(settings).success || where.includes('does not know'), 'the example').to.equal(true)
      expect(withoutSecrets(schemaOf(schema), settings)).to.deep.equal(expected)
      expect(JSON.stringify(withoutSecrets(schemaOf(schema), settings, () => '[secret]'))).not.to.match(/"[xy]"/)
    })
  }

  it('settings whose schema is not understood are secrets', () => {
    for (const schema of [
      { type: 'object', patternProperties: { '^k': { writeOnly: true } } },
      { type: 'object', if: {}, else: { properties: { key: { writeOnly: true } } } },
      { $ref: 'https://example.org/elsewhere.json' },
      { $ref: '#/$defs/absent' },
    ]) {
      expect(withoutSecrets(schema, { key: 'x' }), JSON.stringify(schema)).to.deep.equal({})
    }
  })

  it('settings that are no secret stay as they are, whatever they are', () => {
    const schema = schemaOf(
      z.strictObject({
        any: z.unknown(),
        json: z.json(),
        loose: z.looseObject({ a: z.int() }),
        list: z.array(z.any()),
      }),
    )
    const settings = {
      any: { a: [1, { b: null }] },
      json: { c: ['d'] },
      loose: { a: 1, b: { c: 2 } },
      list: [[1], { a: 1 }],
    }
    expect(withoutSecrets(schema, settings)).to.deep.equal(settings)
  })

  it('secrets in settings stay as they were where they are left out, at whatever depth, and go with what holds them', () => {
    const schema = schemaOf(
      z.strictObject({ key: Secret.optional(), smtp: Smtp.optional(), all: z.array(Smtp).optional() }),
    )
    const before = { key: 'k', smtp: { host: 'h', password: 'x' }, all: [{ host: 'h', password: 'x' }] }
    expect(withSecretsOf(schema, before, { smtp: { host: 'i' } })).to.deep.equal({
      key: 'k',
      smtp: { host: 'i', password: 'x' },
    })
    expect(withSecretsOf(schema, before, { key: 'n', all: [{ host: 'h' }] })).to.deep.equal({
      key: 'n',
      all: [{ host: 'h' }],
    })
    const poisoned = JSON.parse('{"smtp":{"host":"h","__proto__":{"password":"y"}}}') as Record<string, unknown>
    expect(withSecretsOf(schema, before, poisoned)).to.have.nested.property('smtp.password', 'x')
  })

  it('secrets in settings do not stay where a web address becomes another one', () => {
    const schema = schemaOf(
      z.strictObject({ issuer: z.url(), name: z.string(), smtp: Smtp.optional(), key: Secret.optional() }),
    )
    const before = { issuer: 'https://id.example.org', name: 'a', key: 'k', smtp: { host: 'h', password: 'x' } }
    const at = (after: Record<string, unknown>) =>
      secretsAtNewAddress(schema, before, { issuer: before.issuer, name: 'b', ...after })
    expect(at({ smtp: { host: 'h' } })).to.deep.equal([])
    const issuer = 'https://evil.example.org'
    expect(at({ issuer, smtp: { host: 'h' } })).to.deep.equal(['key', 'smtp.password'])
    expect(at({ issuer, key: 'k', smtp: { host: 'h', password: 'x' } })).to.deep.equal([])
  })
})
