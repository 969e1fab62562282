// Signs people in at a page of one's own, which vouches for an e-mail address with a shared secret.
//
//   plugins:
//     - use: portreeve-identity-new-one
//
// and in the account, POST /api/v1/identity_providers:
//   { "name": "Intranet", "type": "new-one", "settings": { "url": "https://intranet.example.org/sign-in", "secret": "…" } }
import { createHmac, timingSafeEqual } from 'node:crypto'
import { definePlugin, IdentityProviders, MINUTE, Random, toHex, unixTime, z } from 'portreeve'

const Settings = z.strictObject({
  url: z.url({ protocol: /^https?$/ }).describe('Page that signs people in'),
  secret: z.string().min(32).max(500).describe('Secret that the page has, too').meta({ writeOnly: true }),
})

/** Kept in the browser between the two steps, sealed by the portal. */
const Kept = z.strictObject({ state: z.string().max(100) })

/** Time for which a ticket is good. */
const TICKET_MS = 10 * MINUTE

export const plugin = definePlugin({
  name: 'identity-new-one',
  api: 1,
  description: 'Signs people in at a page of one’s own.',
  setup({ provide }) {
    provide(IdentityProviders, 'new-one', {
      settings: Settings,
      keep: Kept,
      needs: { random: Random },
      create: ({ random }) => ({
        async begin({ settings, callbackUrl }) {
          const state = toHex(random.bytes(16))
          const url = new URL(settings.url)
          url.searchParams.set('return_to', callbackUrl)
          url.searchParams.set('state', state)
          return { type: 'redirect', url: url.href, keep: { state } }
        },

        // The page sends the browser back with ?state=…&email=…&ticket=…, the ticket being HMAC-SHA-256 of state, line feed, address.
        async proceed({ settings, keep, url, now, desk }) {
          const { searchParams } = new URL(url)
          const email = searchParams.get('email') ?? ''
          const said = Buffer.from(searchParams.get('ticket') ?? '', 'hex')
          const right = createHmac('sha256', settings.secret).update(`${keep.state}\n${email}`).digest()
          const isRight = said.length === right.length && timingSafeEqual(said, right)
          // A ticket is good once, also if it comes twice at the same time.
          const use = () =>
            desk.records.change(`used/${keep.state}`, (record) => ({
              record: { used: true },
              until: unixTime(now + TICKET_MS),
              result: record === undefined,
            }))
          if (!isRight || !(await use())) {
            const publicText = 'The page did not vouch for you. Sign in again.'
            return { type: 'refused', refusal: { code: 'ticket_invalid', publicText, tryAgain: true } }
          }
          return {
            type: 'identified',
            identity: { issuer: settings.url, subject: email, email, emailVerified: true },
          }
        },
      }),
    })
  },
})
