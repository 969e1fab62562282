// Offers relays that another system lists, together with the secret from which it makes credentials ("TURN REST API").
//
//   plugins:
//     - use: portreeve-relay-new-one
//       config: { url: https://relays.example.org/list.json }
import {
  after,
  Clock,
  definePlugin,
  endpoint,
  HttpClient,
  Logger,
  RelayProviders,
  SECOND,
  ServerAddress,
  z,
} from 'portreeve'
import { coturnPassword, hashedUuid } from 'portreeve/crypto'

const Config = z.strictObject({
  url: z
    .url({ protocol: /^https?$/ })
    .describe('List of relays: {"secret": "…", "relays": [{"name": "fra-1", "address": "203.0.113.20"}]}'),
  every_seconds: z.int().min(1).max(86_400).default(60),
})

const List = z.object({
  secret: z.string().max(512),
  relays: z.array(z.object({ name: z.string().min(1).max(255), address: ServerAddress })).max(64),
})

export const plugin = definePlugin({
  name: 'relay-new-one',
  api: 1,
  description: 'Offers relays that another system lists.',
  config: Config,
  setup({ config, provide }) {
    provide(RelayProviders, 'new-one', {
      needs: { clock: Clock, http: HttpClient, logger: Logger },
      create({ clock, http, logger }) {
        // The portal is answered at once, from memory: it serves nobody else meanwhile.
        let known = List.parse({ secret: '', relays: [] })
        let tellChange = () => {}
        let cancel = () => {}

        const fetchList = async () => {
          const limits = { timeoutMs: 5 * SECOND, maxBytes: 100_000 }
          const { status, body } = await http.send({ method: 'GET', url: config.url, headers: {}, ...limits })
          if (status !== 200) throw new Error(`the list answered with ${status}`)
          known = List.parse(JSON.parse(new TextDecoder().decode(body)))
          tellChange()
        }
        // A list that cannot be read leaves what was known: the portal sees by itself which relays answer.
        const keepFetching = async () => {
          await fetchList().catch((error) => logger.warn({ error }, 'the list of relays cannot be read'))
          cancel = clock.wake(after(clock.now(), config.every_seconds * SECOND), keepFetching)
        }
        const listed = () =>
          known.relays.map(({ name, address }) => ({
            // The same relay always has the same id; with another secret it is another one.
            id: hashedUuid(`new-one ${address} ${known.secret}`),
            name,
            endpoints: [endpoint(address, 3478)],
          }))

        return {
          start: keepFetching,
          stop: () => cancel(),
          relays: listed,
          credentials({ relayId, salt, expiresAt }) {
            if (!listed().some(({ id }) => id === relayId)) throw new Error(`there is no relay ${relayId}`)
            const username = `${expiresAt / SECOND}:${salt}`
            return { username, password: coturnPassword({ secret: known.secret, username }) }
          },
          watch(changed) {
            tellChange = changed
            return () => {
              tellChange = () => {}
            }
          },
        }
      },
    })
  },
})
