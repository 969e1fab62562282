// What passes between a host's thread and the worker of its lane.
import type { Datagram, ReceivedDatagram } from '../../../core/runtime/datagram-socket.ts'

export interface WorkerSetUp {
  device: { name: string; mtu: number }
  udp: { port: number; mark?: number }
  /** Of the parent's clock, so that both mean the same by an instant. */
  clockOrigin: number
}

export type ToWorker<Command> =
  /** In order. */
  | { type: 'items'; items: (({ type: 'command' } & { command: Command }) | ({ type: 'datagram' } & Datagram))[] }
  /** So many datagrams were taken: more may come. */
  | { type: 'taken'; datagrams: number }
  | { type: 'close' }

export type FromWorker<Report> =
  | { type: 'opened'; ports: { ipv4?: number; ipv6?: number } }
  | { type: 'refused'; message: string; code: string | undefined }
  | { type: 'items'; reports: Report[]; datagrams: ReceivedDatagram[] }
  | { type: 'failed'; message: string }
  | { type: 'closed' }

/**
 * The same with byte arrays that own their buffers, one level deep: what is posted is copied with the whole buffer that a view is of, and a
 * packet is a view of a slab.
 */
export const withOwnBytes = <T extends object>(letter: T): T => {
  const owned: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(letter)) {
    owned[key] = value instanceof Uint8Array && value.byteLength !== value.buffer.byteLength ? value.slice() : value
  }
  return owned as T
}
