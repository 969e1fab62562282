// Messages between a host's thread and the worker thread of its lane.
import type { Datagram, ReceivedDatagram } from '../../../core/runtime/datagram-socket.ts'

export interface WorkerSetUp {
  device: { name: string; mtu: number }
  udp: { port: number; mark?: number }
  /** Origin of the parent thread's clock, so that instants of both threads can be compared. */
  clockOrigin: number
}

export type ToWorker<Command> =
  /** Commands and datagrams, carried out in this order. */
  | { type: 'items'; items: (({ type: 'command' } & { command: Command }) | ({ type: 'datagram' } & Datagram))[] }
  /** Number of datagrams that the host has processed, so that the worker may send more. */
  | { type: 'taken'; datagrams: number }
  | { type: 'close' }

export type FromWorker<Report> =
  | { type: 'opened'; ports: { ipv4?: number; ipv6?: number } }
  | { type: 'refused'; message: string; code: string | undefined }
  | { type: 'items'; reports: Report[]; datagrams: ReceivedDatagram[] }
  | { type: 'failed'; message: string }
  | { type: 'closed' }

/**
 * Copies the byte arrays among an object's members if they are views of larger buffers: `postMessage` would copy the
 * whole buffer behind a view, and a packet is a view of a large one. Nested objects stay as they are.
 */
export const withOwnBytes = <T extends object>(letter: T): T => {
  const owned: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(letter)) {
    owned[key] = value instanceof Uint8Array && value.byteLength !== value.buffer.byteLength ? value.slice() : value
  }
  return owned as T
}
