import { z } from 'zod'
import type { Dialect } from '../../../core/control/events.ts'
import { Key } from '../../../core/control/messages.ts'
import { keyFromBase64 } from '../../../core/crypto/text-encoding.ts'
import { cleanedName } from '../plain-text.ts'
import { Refusal } from './refusal.ts'

/** What a peer says of itself when it connects. */
export interface ConnectRequest {
  role: 'client' | 'gateway'
  dialect: Dialect
  token: string
  externalId: string
  /** Its host's name, by default. */
  name: string
  /** Base64 of 32 bytes. */
  publicKey: string
  userAgent: string
  /** Address that the request came from, where it is known. */
  remoteIp?: string
}

// A prefix of the configured URL is kept in front of it.
const PATH = /\/(client|gateway)\/v2\/websocket$/

/** Whether a path is a control channel's. */
export const isChannelPath = (path: string): boolean => PATH.test(path)

const LONGEST_URL = 4096

const Parameters = z.object({
  external_id: z
    .string()
    .min(1)
    .max(255)
    .regex(/^[^\p{Cc}]+$/u),
  name: z
    .string()
    .max(255)
    .regex(/^[^\p{Cc}]*$/u)
    .optional(),
  public_key: Key.refine((text) => keyFromBase64(text) !== undefined),
})

/**
 * Reads a request for a WebSocket.
 * @throws Refusal not_found, missing_token, invalid_connect_params
 */
export const readConnectRequest = (request: {
  url: string
  headers: Readonly<Record<string, string | readonly string[] | undefined>>
}): ConnectRequest => {
  if (request.url.length > LONGEST_URL) throw new Refusal('invalid_connect_params')
  const [path = '', query = ''] = request.url.split('?', 2)
  const role = PATH.exec(path)?.[1]
  if (role !== 'client' && role !== 'gateway') throw new Refusal('not_found')
  const parameters = new URLSearchParams(query)
  const bearer = /^Bearer\s+(\S+)\s*$/i.exec(text(request.headers['x-authorization']))?.[1]
  const token = bearer ?? parameters.get('token') ?? ''
  if (token === '') throw new Refusal('missing_token')
  const parsed = Parameters.safeParse(Object.fromEntries(parameters))
  if (!parsed.success) throw new Refusal('invalid_connect_params')
  const { external_id: externalId, name, public_key: publicKey } = parsed.data
  return {
    role,
    dialect: 'v2',
    token,
    externalId,
    name: cleanedName(name ?? '', 255) || role,
    publicKey,
    userAgent: text(request.headers['user-agent']).slice(0, 255),
  }
}

const text = (header: string | readonly string[] | undefined): string =>
  typeof header === 'string' ? header : (header?.[0] ?? '')
