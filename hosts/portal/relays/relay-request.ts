import { RelayQuery } from '../../../core/control/relay-messages.ts'
import { canonicalAddress } from '../../../core/net/ip-address.ts'
import { Refusal } from '../channel/refusal.ts'
import { cleanedName } from '../text/plain-text.ts'

/** Request of a relay to open its channel. */
export interface RelayRequest {
  token: string
  name: string
  ipv4?: string
  ipv6?: string
  port: number
  websocketUrl?: string
}

const MAX_URL_CHARACTERS = 4_096

/**
 * Parses a relay's request to open its channel.
 * @param permits whether the portal may probe an address, and tell peers of it
 * @throws Refusal missing_token, invalid_connect_params
 */
export const readRelayRequest = (
  { url, headers }: { url: string; headers: Readonly<Record<string, string | readonly string[] | undefined>> },
  permits: (address: string) => boolean,
): RelayRequest => {
  if (url.length > MAX_URL_CHARACTERS) throw new Refusal('invalid_connect_params')
  const parameters = new URLSearchParams(url.split('?', 2)[1] ?? '')
  const header = headers['x-authorization']
  const bearer = /^Bearer\s+(\S+)\s*$/i.exec(typeof header === 'string' ? header : (header?.[0] ?? ''))?.[1]
  const token = bearer ?? parameters.get('token') ?? ''
  if (token === '') throw new Refusal('missing_token')
  // A relay without one family sends an empty text, or nothing.
  const given = Object.fromEntries([...parameters].filter(([, value]) => value !== ''))
  const parsed = RelayQuery.safeParse(given)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    throw malformed(`The relay’s ${issue?.path.join('.') ?? ''} is not valid: ${issue?.message ?? ''}`)
  }
  const { name, ipv4, ipv6, port, websocket_url: websocketUrl } = parsed.data
  const [four, six] = [ipv4, ipv6].map((address) => (address === undefined ? undefined : checked(address, permits)))
  return {
    token,
    name: cleanedName(name ?? '', 255) || four || six || 'relay',
    ...(four === undefined ? {} : { ipv4: four }),
    ...(six === undefined ? {} : { ipv6: six }),
    port,
    ...(websocketUrl === undefined ? {} : { websocketUrl }),
  }
}

const checked = (text: string, permits: (address: string) => boolean): string => {
  const address = canonicalAddress(text)
  if (address !== undefined && permits(address)) return address
  throw malformed(
    `Peers cannot reach a relay at ${text}, which is no address of the Internet: if that is what you want, let the operator add its network to private_networks of the portal`,
  )
}

const malformed = (detail: string): Refusal => new Refusal('invalid_connect_params', { reason: 'relay', detail })
