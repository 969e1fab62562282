import type { Dialect } from '../../../core/control/events.ts'
import type { Instant } from '../../../core/runtime/time.ts'

/** A peer's WebSocket, after its token and parameters were found in order. */
export interface PeerConnected {
  /** The host's name for it, never used twice. */
  connection: string
  role: 'client' | 'gateway'
  dialect: Dialect
  /** The id of its row. */
  peerId: string
  tokenId: string
  /** Base64: what its row was given when it connected. */
  publicKey: string
  /** Whether it proved the device key of its row; false for gateways, which have none. */
  isProven: boolean
  /** Canonical, without a port. */
  remoteIp: string
  userAgent: string
  /** The connection of the same peer that did not answer, whose place this one may take. */
  replaces?: string
}

/** One connection and what the portal knows of who is behind it. */
export interface Connection extends PeerConnected {
  version: string
  isJoined: boolean
  features: ReadonlySet<string>
  lastHeardAt: Instant
  /** Requests that it may make at once; refilled over time. */
  allowance: { tokens: number; at: Instant }
  /** For a client: the resources that it was told of, as they were told. */
  told: Map<string, string>
}

export const isClient = (connection: Connection): connection is Connection & { role: 'client' } =>
  connection.role === 'client'

export const isGateway = (connection: Connection): connection is Connection & { role: 'gateway' } =>
  connection.role === 'gateway'

export const openConnection = (peer: PeerConnected, now: Instant): Connection => ({
  ...peer,
  version: versionOf(peer.userAgent),
  isJoined: false,
  features: new Set(),
  lastHeardAt: now,
  allowance: { tokens: MOST_AT_ONCE, at: now },
  told: new Map(),
})

const MOST_AT_ONCE = 500
const PER_SECOND = 50

/** Whether the peer may say one thing more, which costs as much as `cost` usual ones; nobody may keep the portal busy for others. */
export const maySpeak = (connection: Connection, now: Instant, cost = 1): boolean => {
  const { allowance } = connection
  const refilled = allowance.tokens + ((now - allowance.at) / 1000) * PER_SECOND
  allowance.at = now
  allowance.tokens = Math.min(MOST_AT_ONCE, refilled)
  if (allowance.tokens < cost) return false
  allowance.tokens -= cost
  return true
}

/** `1.5.11` of `Debian/12.0.0 headless-client/1.5.11 (x86_64; 6.1.0)`: the last product; empty where there is none. */
export const versionOf = (userAgent: string): string => {
  const products = userAgent.replace(/\(.*$/, '').trim().split(/\s+/)
  return /^[a-z-]+\/(\d{1,4}\.\d{1,4}\.\d{1,6}\S{0,32})$/i.exec(products.at(-1) ?? '')?.[1] ?? ''
}

/** What the user agent says of the system: its first product. */
export const systemOf = (userAgent: string): { name: string | null; version: string | null } => {
  const match = /^(.{1,64}?)\/(\S{1,64})\s/.exec(userAgent)
  return { name: match?.[1] ?? null, version: match?.[2] ?? null }
}

/**
 * Whether a client and a gateway understand one another: of the same major version, the gateway at most one minor version
 * behind or ahead. Versions that cannot be read, and those before 1.0, are given the benefit of the doubt.
 */
export const isCompatible = (client: string, gateway: string): boolean => {
  const [a, b] = [semver(client), semver(gateway)]
  if (a === undefined || b === undefined || a.major === 0 || b.major === 0) return true
  return a.major === b.major && b.minor >= a.minor - 1 && b.minor < a.minor + 2
}

const semver = (version: string): { major: number; minor: number } | undefined => {
  const match = /^(\d+)\.(\d+)/.exec(version)
  return match === null ? undefined : { major: Number(match[1]), minor: Number(match[2]) }
}
