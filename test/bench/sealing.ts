import { FRAME_ROW, OPENED_ROW, UDP_ROW, loadAddon } from '../../hosts/runtime/native/addon.ts'
import { buildFrame } from '../kit/tcp-frames.ts'
import { ratePerCoreSecond, type Figure } from './figure.ts'

const SEGMENT_BYTES = 1_240
const SEGMENTS = 52
const FRAMES = 5
const NOW = 1_000

/** Measures the native lane's work on TCP super-packets without a kernel: cutting and sealing, opening and joining. */
export const benchSealing = async (): Promise<Figure[]> => {
  const addon = loadAddon()
  const [here, there] = [addon.createLane(), addon.createLane()]
  const keys = (fill: number): Uint8Array => new Uint8Array(32).fill(fill)
  addon.installKeys(here, new Uint32Array([1, 2, 0]), keys(1), keys(2), Infinity)
  addon.installKeys(there, new Uint32Array([2, 1, 0]), keys(2), keys(1), Infinity)

  const payload = new Uint8Array(SEGMENTS * SEGMENT_BYTES)
  const parts = { kind: 'tcp', ipv6: false, payload, segmentBytes: SEGMENT_BYTES, flags: 'A' } as const
  const frame = buildFrame({ ...parts, sequence: 1, identification: 1 })
  const frames = new Uint8Array(FRAMES * frame.length)
  const table = new Uint32Array(FRAMES * FRAME_ROW)
  for (let row = 0; row < FRAMES; row++) {
    frames.set(frame, row * frame.length)
    table.set([row * frame.length, frame.length, 1, 51_820, 0xc0000201], row * FRAME_ROW)
  }
  const datagrams = new Uint8Array(2 * frames.length)
  const rows = new Uint32Array(2 * FRAMES * SEGMENTS * UDP_ROW)
  const messages = new Uint32Array(FRAMES * UDP_ROW)
  const opened = new Uint32Array(2 * FRAMES * SEGMENTS * OPENED_ROW)
  const done = new Uint32Array(1)
  const seal = (): void => {
    const count = addon.seal(here, frames, table, FRAMES, datagrams, rows, NOW, done)
    if (count !== FRAMES * SEGMENTS) throw new Error(`${count} were sealed`)
  }
  // Each frame's datagrams are in one message, as the kernel joins them.
  const open = (): void => {
    for (let message = 0; message < FRAMES; message++) {
      const first = message * SEGMENTS * UDP_ROW
      messages[message * UDP_ROW] = rows[first] ?? 0
      messages[message * UDP_ROW + 1] = (rows[first + 1] ?? 0) * SEGMENTS
      messages[message * UDP_ROW + 2] = rows[first + 1] ?? 0
    }
    const count = addon.open(there, datagrams, messages, FRAMES, opened, NOW, 1, done)
    if (count !== FRAMES) throw new Error(`${count} were opened`)
  }
  const nanoseconds = (work: () => void): number => 1e9 / ratePerCoreSecond(work) / FRAMES / SEGMENTS
  const sealing = nanoseconds(seal)
  const both = nanoseconds(() => {
    seal()
    open()
  })
  const bytes = SEGMENT_BYTES + 40
  return [
    { name: `native lane, cutting and sealing ${bytes} bytes of a super-packet`, value: sealing, unit: 'ns' },
    { name: `native lane, opening and joining them`, value: both - sealing, unit: 'ns' },
  ]
}
