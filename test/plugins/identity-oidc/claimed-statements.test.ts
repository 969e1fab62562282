import { expect } from 'chai'
import { describe, it } from 'mocha'
import { lacksStatements, statementsOf } from '../../../plugins/identity-oidc/claimed-statements.ts'
import { Settings } from '../../../plugins/identity-oidc/config.ts'

const settings = (more: object = {}): Settings =>
  Settings.parse({ issuer: 'https://id.example.org', client_id: 'portreeve', ...more })
const named = settings({ groups_claim: 'groups', claims: ['department', 'level'] })

describe('statements in the claims of an OpenID provider', () => {
  it('only the claims are kept that the settings name, those of the ID token first', () => {
    const idToken = { groups: ['a'], level: { of: 3 }, salary: 1 }
    const told = { groups: ['b'], department: 'Sales', salary: 2 }
    expect(statementsOf(idToken, told, named)).to.deep.equal({
      groups: ['a'],
      claims: { department: 'Sales', level: { of: 3 } },
      leftOut: [],
    })
    expect(statementsOf(idToken, told, settings())).to.deep.equal({ leftOut: [] })
  })

  it('no groups are not the same as an empty list of groups', () => {
    expect(statementsOf({ groups: [] }, {}, named)).to.deep.equal({ groups: [], leftOut: [] })
    expect(statementsOf({}, {}, named)).to.deep.equal({ leftOut: [] })
  })

  it('one group may be a text and no list', () => {
    expect(statementsOf({ groups: 'staff' }, {}, named)).to.deep.equal({ groups: ['staff'], leftOut: [] })
  })

  it('userinfo is needed where the ID token lacks a claim that the settings name', () => {
    expect(lacksStatements({ groups: [], department: '', level: 0 }, named)).to.equal(false)
    expect(lacksStatements({ groups: [], level: 0 }, named)).to.equal(true)
    expect(lacksStatements({}, settings())).to.equal(false)
  })

  it('groups and claims that are too long, or no groups, are left out whole and named', () => {
    const many = Array.from({ length: 900 }, (_, index) => `group-${index}`)
    for (const [claims, kept, leftOut] of [
      [{ groups: many, level: 1 }, { claims: { level: 1 } }, ['groups']],
      [{ groups: Array(1_001).fill('a') }, {}, ['groups']],
      [{ groups: ['a'], department: 'x'.repeat(8_200), level: 1 }, { groups: ['a'] }, ['department', 'level']],
      [
        { groups: many.slice(0, 400), department: 'x'.repeat(4_000) },
        { groups: many.slice(0, 400) },
        ['department', 'level'],
      ],
      [{ groups: ['a'.repeat(257)] }, {}, ['groups']],
      [{ groups: ['a', ''] }, {}, ['groups']],
      [{ groups: { a: true } }, {}, ['groups']],
    ] as const)
      expect(statementsOf(claims, {}, named), leftOut.join()).to.deep.equal({ ...kept, leftOut })
  })

  it('time and methods of the authentication are kept, and left out where they are nonsense', () => {
    const authentication = (claims: object) => statementsOf({ ...claims }, {}, settings()).authentication
    expect(authentication({ auth_time: 1_700_000_000, amr: ['pwd', 'mfa'] })).to.deep.equal({
      at: 1_700_000_000_000,
      methods: ['pwd', 'mfa'],
    })
    for (const claims of [
      { auth_time: '1', amr: 'pwd' },
      { auth_time: -1, amr: [1] },
      { auth_time: 1e300 },
      { auth_time: NaN },
    ])
      expect(authentication(claims), JSON.stringify(claims)).to.equal(undefined)
    expect(authentication({ amr: Array(21).fill('x') })).to.equal(undefined)
  })
})
