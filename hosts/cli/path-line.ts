import type { PeerPath } from '../peer/peer-path.ts'
import type { PathKind } from '../../core/ice/path-kind.ts'

/** Says in a line how packets get to a peer and how many have; `at`: time of the status (ISO 8601), if it has one. */
export const pathLine = (path: PeerPath, at: string | null): string => {
  const { path: where, path_kind: kind, round_trip_ms: trip, lost_at: lostAt } = path
  const ago = (time: string): string | undefined =>
    at === null ? undefined : durationText(Date.parse(at) - Date.parse(time))
  if (where === null || kind === null) {
    const since = lostAt === null ? undefined : ago(lostAt)
    return lostAt === null ? 'no path yet' : `unreachable since ${since ?? lostAt}`
  }
  const handshake = path.last_handshake === null ? undefined : ago(path.last_handshake)
  return [
    `${pathKindText(kind, path.relay)} ${where}`,
    ...(trip === null ? [] : [`${trip.toFixed(1)} ms`]),
    ...(path.loss === null ? [] : [lossText(path.loss)]),
    `sent ${bytesText(path.sent_bytes)}`,
    `received ${bytesText(path.received_bytes)}`,
    `MTU ${path.mtu}`,
    ...(path.last_handshake === null
      ? ['no handshake yet']
      : [`last handshake ${handshake === undefined ? path.last_handshake : `${handshake} ago`}`]),
  ].join(', ')
}

/** Says which kind of path it is. */
export const pathKindText = (kind: PathKind, relay: string | null): string => {
  const by = relay === null ? '' : ` by ${relay}`
  switch (kind) {
    case 'direct':
      return 'direct'
    case 'nat':
      return 'direct through NAT'
    case 'relayed':
      return `relayed${by} to`
    case 'websocket':
      return `relayed${by} over a WebSocket to`
  }
}

const lossText = ({ lost, of }: { lost: number; of: number }): string =>
  lost === 0 ? 'no loss' : `${lost} of the last ${of} checks lost`

/** Formats an amount of bytes with a decimal prefix. */
export const bytesText = (bytes: number): string => {
  const power = Math.min(UNITS.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, bytes)) / 3)))
  return power === 0 ? `${bytes} B` : `${(bytes / 1_000 ** power).toFixed(1)} ${UNITS[power] ?? ''}`
}

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'] as const

/** Formats a duration in milliseconds by its largest unit, rounded down. */
export const durationText = (milliseconds: number): string => {
  const seconds = Math.max(0, Math.floor(milliseconds / 1_000))
  if (seconds < 120) return `${seconds} s`
  if (seconds < 7_200) return `${Math.floor(seconds / 60)} min`
  return seconds < 172_800 ? `${Math.floor(seconds / 3_600)} h` : `${Math.floor(seconds / 86_400)} days`
}
