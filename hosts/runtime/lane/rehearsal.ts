// First packets of a lane in memory, when its worker starts. What runs for the first time takes milliseconds, which
// somebody's first packet would wait for.
import type { FlowsRehearsal } from '../../../core/flow/rehearsed-packet.ts'
import { OFFLOAD_HEADER_BYTES } from '../../../core/net/offload.ts'
import { endpoint } from '../../../core/runtime/endpoint.ts'
import { instant } from '../../../core/runtime/time.ts'
import { SystemClock } from '../clock.ts'
import { FRAME_ROW, UDP_ROW, type Addon, type Port, type PortSet } from '../native/addon.ts'
import { PacketLane } from './packet-lane.ts'

const PATH = endpoint('192.0.2.2', 52_625)
/** Words of `PATH` in the addon's tables: port, then the address in the first of four. */
const PATH_WORDS = [52_625, 0xc000_0202] as const
const INDEX = { own: 1, other: 2 } as const
const EXPIRES_AT = instant(Number.MAX_SAFE_INTEGER)
/** Times that a packet goes out, and one comes in: the first ones get a verdict, later ones find it. */
const TIMES = 2

/**
 * Takes packets through a lane of its own, both ways, with keys of its own and without a device or a socket. Returns
 * whether they passed.
 */
export const rehearseLane = <Input, Output extends { type: string }>(
  addon: Addon,
  { flows, peer, isAnswering, before, after, outbound, inbound }: FlowsRehearsal<Input, Output>,
): boolean => {
  const bursts: Burst[] = []
  const passed = { out: 0, in: 0 }
  let attend = (): void => undefined
  const lane = new PacketLane<Input, Output>({
    addon: {
      ...addon,
      openPortSet: (_ports, callback) => {
        attend = callback
        return {} as PortSet
      },
      closePortSet: () => undefined,
      close: () => undefined,
      tunOffloads: () => 0,
      wait: (_set, frames, frameTable, messages, messageTable, count) => {
        const burst = bursts.shift()
        if (burst === undefined) return 0
        const { bytes, isMessage } = burst
        if (isMessage) {
          messages.set(bytes)
          messageTable.set([0, bytes.length, bytes.length, ...PATH_WORDS, 0, 0, 0])
        } else {
          frames.set(bytes)
          frameTable.set([0, bytes.length, 0])
        }
        count[0] = 1
        return isMessage ? 2 : 1
      },
      writeTun: (_port, _bytes, _table, count) => (passed.in++, count),
      sendUdp: (_port, _bytes, _table, count) => (passed.out++, count),
    },
    flows,
    clock: new SystemClock(),
    tun: {} as Port,
    sockets: new Map([['ipv4', {} as Port]]),
    send: () => undefined,
    onFailure: () => undefined,
  })
  const other = sealerOfOther(addon)
  const move = (burst: Burst): void => {
    bursts.push(burst)
    attend()
  }
  for (const input of before) lane.tell({ type: 'tellFlows', input })
  move({ bytes: framed(outbound), isMessage: false })
  lane.tell({ type: 'installKeys', peer, keys: keysOf(INDEX.own, INDEX.other) })
  if (!isAnswering) lane.tell({ type: 'useKeys', peer, index: INDEX.own, path: PATH })
  for (const input of after) lane.tell({ type: 'tellFlows', input })
  if (!isAnswering) lane.tell({ type: 'sealPacket', peer, packet: new Uint8Array(0) })
  lane.settle()
  for (let time = 0; time < TIMES; time++) {
    move({ bytes: other(inbound), isMessage: true })
    move({ bytes: framed(outbound), isMessage: false })
  }
  lane.close()
  return passed.out >= TIMES && passed.in === TIMES
}

/** Packet from the device, or encrypted message from the peer. */
interface Burst {
  bytes: Uint8Array
  isMessage: boolean
}

const keysOf = (index: number, remoteIndex: number) => ({
  index,
  remoteIndex,
  sendKey: new Uint8Array(32),
  receiveKey: new Uint8Array(32),
  expiresAt: EXPIRES_AT,
})

/** Returns a function that encrypts packets as the other end would. */
const sealerOfOther = (addon: Addon): ((packet: Uint8Array) => Uint8Array) => {
  const lane = addon.createLane()
  const { index, remoteIndex, sendKey, receiveKey, expiresAt } = keysOf(INDEX.other, INDEX.own)
  addon.installKeys(lane, new Uint32Array([index, remoteIndex, 0]), sendKey, receiveKey, expiresAt)
  return (packet) => {
    const frame = framed(packet)
    const row = new Uint32Array(FRAME_ROW)
    row.set([0, frame.length, index, ...PATH_WORDS])
    const out = new Uint8Array(2_048)
    const rows = new Uint32Array(4 * UDP_ROW)
    addon.seal(lane, frame, row, 1, out, rows, 1, new Uint32Array(1))
    return out.slice(rows[0], (rows[0] ?? 0) + (rows[1] ?? 0))
  }
}

/** Returns a packet as the device hands it over, with a header that says that nothing is left to do. */
const framed = (packet: Uint8Array): Uint8Array => {
  const frame = new Uint8Array(OFFLOAD_HEADER_BYTES + packet.length)
  frame.set(packet, OFFLOAD_HEADER_BYTES)
  return frame
}
