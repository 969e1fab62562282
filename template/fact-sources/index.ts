// Knows where people are, from a list that another system publishes as JSON, and lets policies ask for it.
//
//   plugins:
//     - use: portreeve-facts-new-one
//       config: { url: https://desks.example.org/places.json }
//
// and in a policy: { "condition": "new-one", "settings": { "places": ["Berlin"] } }
import { definePlugin, fact, Facts, FactSources, HttpClient, MINUTE, PolicyConditions, SECOND, z } from 'portreeve'

const Config = z.strictObject({
  url: z.url({ protocol: /^https?$/ }).describe('List of places by e-mail address: {"ada@example.org": "Berlin"}'),
  every_seconds: z.int().min(1).max(86_400).default(60),
})

const Settings = z.strictObject({
  places: z.array(z.string().min(1).max(100)).min(1).max(100).describe('Places from which access is allowed'),
})

/** Place where somebody is, by e-mail address. */
const Place = fact('new_one.place', z.string().max(100), { by: Facts.actor.email })

const List = z.record(z.string().toLowerCase(), z.string().max(100))

export const plugin = definePlugin({
  name: 'facts-new-one',
  api: 1,
  description: 'Knows where people are, and lets policies ask for it.',
  config: Config,
  setup({ config, provide }) {
    provide(FactSources, 'new-one', {
      fact: Place,
      everyMs: config.every_seconds * SECOND,
      goodForMs: 3 * config.every_seconds * SECOND + MINUTE,
      needs: { http: HttpClient },
      create: ({ http }) => ({
        // Anything that goes wrong is thrown: what was known stays known until it is too old.
        async refresh({ signal }) {
          const limits = { timeoutMs: 5 * SECOND, maxBytes: 1_000_000, signal }
          const { status, body } = await http.send({ method: 'GET', url: config.url, headers: {}, ...limits })
          if (status !== 200) throw new Error(`the list answered with ${status}`)
          return { values: List.parse(JSON.parse(new TextDecoder().decode(body))) }
        },
      }),
    })

    provide(PolicyConditions, 'new-one', {
      settings: Settings,
      facts: { place: Place },
      create: () => ({
        evaluate({ settings, facts }) {
          if (settings.places.includes(facts.place.value)) return { holds: true, reason: 'the place is one of them' }
          return {
            holds: false,
            reason: 'the place is none of them',
            told: 'you are not in a place that this policy allows',
          }
        },
      }),
    })
  },
})
