import { z } from 'zod'
import {
  DEVICE_PROOF_HEADER,
  isProofOf,
  readDeviceProof,
  type DeviceProof,
} from '../../../core/control/device-proof.ts'
import type { Dialect } from '../../../core/control/events.ts'
import { Key } from '../../../core/control/messages.ts'
import { keyFromBase64, toBase64 } from '../../../core/crypto/text-encoding.ts'
import type { UnixTime } from '../../../core/runtime/time.ts'
import { cleanedName } from '../text/plain-text.ts'
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
  /** Its signature with a key of its own, unchecked; undefined where it sent none, as released peers do. */
  proof: DeviceProof | undefined
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
  const proofText = text(request.headers[PROOF_HEADER])
  const proof = proofText === '' ? undefined : readDeviceProof(proofText)
  if (proof === undefined && PROOF_HEADER in request.headers) throw new Refusal('invalid_connect_params')
  const { external_id: externalId, name, public_key: publicKey } = parsed.data
  return {
    role,
    dialect: 'v2',
    token,
    externalId,
    name: cleanedName(name ?? '', 255) || role,
    publicKey,
    userAgent: text(request.headers['user-agent']).slice(0, 255),
    proof,
  }
}

/** As Node.js writes names of headers. */
const PROOF_HEADER = DEVICE_PROOF_HEADER.toLowerCase()

/**
 * The key (base64) that a connect proves to come from the device with; null where it says nothing of one.
 * @throws Refusal invalid_connect_params where the proof is of another connect or another time
 */
export const provenKey = (request: ConnectRequest, now: UnixTime): string | null => {
  const { proof } = request
  if (proof === undefined) return null
  if (isProofOf(proof, request, now)) return toBase64(proof.key)
  throw new Refusal('invalid_connect_params', {
    reason: 'device_proof',
    detail: `The device's signature is not of this connect, or its clock is a day off: here it is ${new Date(now).toISOString()}`,
  })
}

const text = (header: string | readonly string[] | undefined): string =>
  typeof header === 'string' ? header : (header?.[0] ?? '')
