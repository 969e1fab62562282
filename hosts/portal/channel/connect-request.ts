import { z } from 'zod'
import {
  DEVICE_PROOF_HEADER,
  isProofOf,
  readDeviceProof,
  type DeviceProof,
} from '../../../core/control/device-proof.ts'
import type { Dialect } from '../../../core/control/events.ts'
import { Key } from '../../../core/control/messages.ts'
import { PROCESS_HEADER, readProcess, type ProcessConnect } from '../../../core/control/process-header.ts'
import { readTransport, TRANSPORT_HEADER } from '../../../core/control/transport-header.ts'
import { keyFromBase64, toBase64 } from '../../../core/crypto/text-encoding.ts'
import type { UnixTime } from '../../../core/runtime/time.ts'
import type { Product } from '../decide/product.ts'
import { cleanedName } from '../text/plain-text.ts'
import { Refusal } from './refusal.ts'

/** Request of a peer to open its control channel. */
export interface ConnectRequest {
  role: 'client' | 'gateway'
  dialect: Dialect
  token: string
  externalId: string
  /** Name of the peer; the name of its host by default. */
  name: string
  /** Public key of its tunnel transport: base64 of 32 bytes. */
  publicKey: string
  /** Whether a gateway's row is removed soon after it has gone; false for clients and for released gateways. */
  isEphemeral: boolean
  userAgent: string
  /** Key of the tunnel transport with which the peer carries packets. */
  transport: string
  product: Product
  /** IP address that the request came from, if known. */
  remoteIp?: string
  /** Signature with the device key, not yet verified; undefined if absent, as from released peers. */
  proof: DeviceProof | undefined
  /** Process that connects; undefined from released peers. */
  process: ProcessConnect | undefined
}

// Not anchored at the start: peers prepend the path of their configured portal URL.
const PATH = /\/(client|gateway)\/(v2\/)?websocket$/

/** Whether a path is that of a control channel. */
export const isChannelPath = (path: string): boolean => PATH.test(path)

const MAX_URL_CHARACTERS = 4096

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
  ephemeral: z.enum(['true', 'false']).optional(),
})

/**
 * Parses a request to open a control channel's WebSocket.
 * @throws Refusal not_found, missing_token, invalid_connect_params
 */
export const readConnectRequest = (request: {
  url: string
  headers: Readonly<Record<string, string | readonly string[] | undefined>>
}): ConnectRequest => {
  if (request.url.length > MAX_URL_CHARACTERS) throw new Refusal('invalid_connect_params')
  const [path = '', query = ''] = request.url.split('?', 2)
  const [, role, newer] = PATH.exec(path) ?? []
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
  const process = readProcess(text(request.headers[PROCESS]))
  if (process === undefined && PROCESS in request.headers) throw new Refusal('invalid_connect_params')
  const transport = readTransport(text(request.headers[TRANSPORT]))
  if (transport === undefined) throw new Refusal('invalid_connect_params')
  const { external_id: externalId, name, public_key: publicKey, ephemeral } = parsed.data
  return {
    role,
    dialect: newer === undefined ? 'v1' : 'v2',
    token,
    externalId,
    name: cleanedName(name ?? '', 255) || role,
    publicKey,
    isEphemeral: role === 'gateway' && ephemeral === 'true',
    userAgent: text(request.headers['user-agent']).slice(0, 255),
    transport,
    product: TRANSPORT in request.headers ? 'portreeve' : 'released',
    proof,
    process,
  }
}

/** Header name in lower case, as Node.js has it. */
const PROOF_HEADER = DEVICE_PROOF_HEADER.toLowerCase()
const PROCESS = PROCESS_HEADER.toLowerCase()
const TRANSPORT = TRANSPORT_HEADER.toLowerCase()

/**
 * Verifies the device's signature and returns its public key (base64); null if the request has no signature.
 * @throws Refusal invalid_connect_params if the signature is for another connect or another time
 */
export const provenKey = (request: ConnectRequest, now: UnixTime): string | null => {
  const { proof } = request
  if (proof === undefined) return null
  if (isProofOf(proof, request, now)) return toBase64(proof.key)
  throw new Refusal('invalid_connect_params', {
    reason: 'device_proof',
    detail: `The device's signature is for another connect, or its clock is a day off: the portal's clock shows ${new Date(now).toISOString()}`,
  })
}

const text = (header: string | readonly string[] | undefined): string =>
  typeof header === 'string' ? header : (header?.[0] ?? '')
