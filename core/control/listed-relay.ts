import { z } from 'zod'
import type { ProvidedRelay } from '../contract/relay-provider.ts'
import { canonicalEndpoint } from '../net/canonical-endpoint.ts'

const EndpointText = z.string().transform((text, context) => {
  const canonical = canonicalEndpoint(text)
  if (canonical !== undefined) return canonical
  context.addIssue('is no endpoint with an address and a port')
  return z.NEVER
})

/** Schema of a relay that a provider lists, as a portal takes it over: with endpoints in canonical text. */
export const ListedRelay = z
  .object({
    id: z.uuid().toLowerCase(),
    name: z.string().min(1).max(255),
    endpoints: z.array(EndpointText).min(1).max(8),
    websocketUrl: z
      .url({ protocol: /^wss?$/ })
      .max(2_048)
      .optional(),
    place: z.object({ latitude: z.number().min(-90).max(90), longitude: z.number().min(-180).max(180) }).optional(),
    accountId: z.string().max(64).optional(),
    isKnownPresent: z.boolean().default(false),
  } satisfies Record<keyof ProvidedRelay, z.ZodType>)
  .transform(({ websocketUrl, place, accountId, ...rest }) => ({
    ...rest,
    ...(websocketUrl === undefined ? {} : { websocketUrl }),
    ...(place === undefined ? {} : { place }),
    ...(accountId === undefined ? {} : { accountId }),
  }))

/** Most characters of a user name or a password at a relay. */
export const MAX_RELAY_CREDENTIAL_CHARACTERS = 512
