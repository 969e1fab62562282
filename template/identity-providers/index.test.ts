import { createHmac } from 'node:crypto'
import { test } from 'node:test'
import { IdentityProviders, Random } from 'portreeve'
import { checksOf, identityProviderSuite, providedBy, SeededRandom } from 'portreeve/testing'
import { plugin } from './index.ts'

const settings = { url: 'https://intranet.example.org/sign-in', secret: 'a secret of at least 32 characters' }
const ADA = 'ada@example.org'

const checks = checksOf(() =>
  identityProviderSuite('new-one', () => ({
    ...providedBy(plugin, IdentityProviders, { ports: [[Random, random]] }),
    settings,
    callbackUrl: 'https://portal.example.org/callback',
    // The page's part.
    walk: async (step) => {
      const asked = new URL(step.type === 'redirect' ? step.url : 'about:blank').searchParams
      const back = new URL(asked.get('return_to') ?? '')
      const state = asked.get('state') ?? ''
      const ticket = createHmac('sha256', settings.secret).update(`${state}\n${ADA}`).digest('hex')
      back.search = new URLSearchParams({ state, email: ADA, ticket }).toString()
      return { url: back.href }
    },
    expected: { issuer: settings.url, subject: ADA, email: ADA, emailVerified: true },
  })),
)
const random = new SeededRandom('tickets')
for (const { title, run } of checks) test(title, run)
