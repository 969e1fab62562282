import { expect } from 'chai'
import { beforeEach, describe, it } from 'mocha'
import { Facts, type Fact } from '../../../../core/contract/facts.ts'
import { unixTime } from '../../../../core/runtime/time.ts'
import { decisionsOf, type Decisions } from '../../../../hosts/portal/explain/decisions.ts'
import { explanationText } from '../../../../hosts/portal/explain/explanation-text.ts'
import type { AccessExplanation } from '../../../../hosts/portal/explain/explanation.ts'
import type { SignInStatements } from '../../../../hosts/portal/store/entities.ts'
import { RandomSelector } from '../../../../plugins/selector-random/random-selector.ts'
import { condition } from '../../../kit/extensions.ts'
import { Company, PortalBench } from '../../../kit/portal-bench.ts'
import { SeededRandom } from '../../../kit/seeded-random.ts'

const { authenticatedAt, methods, providerGroups, claims } = Facts.signIn

interface Read {
  at: Fact<number>
  methods: Fact<readonly string[]>
  groups: Fact<readonly string[]>
  claims: Fact<Record<string, unknown>>
}

let handed: Read | undefined
const conditions = {
  'said-at-sign-in': condition<object, Read>(
    {
      evaluate: ({ facts }) => {
        handed = facts
        return { holds: facts.groups.value.includes('staff'), reason: 'looked for staff' }
      },
    },
    { at: authenticatedAt, methods, groups: providerGroups, claims },
  ),
}

const SAID: SignInStatements = {
  authenticatedAt: unixTime(Date.UTC(2026, 0, 5, 12)),
  methods: ['pwd', 'mfa'],
  groups: ['staff'],
  claims: { department: { name: 'Sales\u202e' } },
}

describe('facts that the identity provider said at the sign-in', () => {
  let bench: PortalBench
  let company: Company
  let decisions: Decisions

  const open = (): void => {
    bench = new PortalBench({ conditions, selectors: { random: new RandomSelector({ random: new SeededRandom(3) }) } })
    company = new Company(bench)
    decisions = decisionsOf(bench.machine.knowledge, () => bench.clock.now())
    bench.patch('policies', company.policy, { conditions: [{ condition: 'said-at-sign-in', settings: {} }] })
    handed = undefined
  }
  beforeEach(open)

  /** Explains access by a token of a sign-in at a provider that said this. */
  const explain = (signIn: SignInStatements | null): AccessExplanation => {
    const provider = bench.row('identity_providers', {
      id: bench.id(),
      accountId: company.account.id,
      name: 'Provider',
      type: 'oidc',
      settings: {},
      isDefault: false,
      isDisabled: false,
      clientTokenLifetimeSeconds: 3600,
      sessionLifetimeSeconds: 3600,
      emailDomains: ['*'],
      createdAt: unixTime(0),
      updatedAt: unixTime(0),
    })
    const token = company.token({ kind: 'client', actorId: company.actor.id, identityProviderId: provider.id, signIn })
    company.clientJoins({ tokenId: token.id })
    const { account, actor, resource, client } = company
    const about = { accountId: account.id, actor: actor.id, resource: resource.id, clientId: client.id }
    const verdict = decisions.explain({ ...about, facts: {} })
    if (!verdict.ok) throw new Error(verdict.unknown)
    return verdict.explanation
  }

  it('P8 a condition is given time, methods, groups and claims, and an explanation names them', () => {
    const explanation = explain(SAID)
    expect(explanation.isAllowed).to.equal(true)
    const known = Object.fromEntries(explanation.facts.map(({ name, value, source }) => [name, { value, source }]))
    expect(known).to.deep.include({
      'sign_in.authenticated_at': { value: SAID.authenticatedAt, source: 'portal' },
      'sign_in.methods': { value: ['pwd', 'mfa'], source: 'portal' },
      'sign_in.provider_groups': { value: ['staff'], source: 'portal' },
      'sign_in.claims': { value: SAID.claims, source: 'portal' },
    })
    const text = explanationText(explanation).join('\n')
    expect(text).to.contain('the time of the authentication at the identity provider is 2026-01-05 12:00')
    expect(text).to.contain('the list of groups at the identity provider at the sign-in is ["staff"]')
    expect(text, 'a mark that turns text around is blanked').to.contain('{"department":{"name":"Sales "}}')
  })

  it('X2 a condition cannot change what the provider said, at any depth', () => {
    explain(SAID)
    const department = handed?.claims.value['department']
    for (const given of [handed?.methods.value, handed?.groups.value, handed?.claims.value, department])
      expect(Object.isFrozen(given)).to.equal(true)
    expect(department).not.to.equal(SAID.claims?.['department'])
  })

  it('the groups of the account are no groups at the provider', () => {
    const explanation = explain({ ...SAID, groups: [company.group.name] })
    expect(explanation.isAllowed).to.equal(false)
  })

  it('a sign-in at which the provider did not say it, or that is older than such facts, is denied', () => {
    const { groups: _, ...without } = SAID
    for (const [said, unknown] of [
      [without, ['sign_in.provider_groups']],
      [null, ['sign_in.authenticated_at', 'sign_in.methods', 'sign_in.provider_groups', 'sign_in.claims']],
    ] as const) {
      open()
      const { isAllowed, unknownFacts } = explain(said)
      expect(isAllowed).to.equal(false)
      expect(unknownFacts).to.deep.equal(unknown)
      expect(handed).to.equal(undefined)
    }
  })
})
