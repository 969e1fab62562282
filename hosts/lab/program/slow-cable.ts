// Holds packets of a TUN device back for a while and loses some of them; the kernel then routes the others on. Delay and
// loss are those of its input; losses are drawn from a seed. Prints `ready`.
import { performance } from 'node:perf_hooks'
import { createTunDevices } from '../../runtime/index.ts'
import { readInput } from './stdin.ts'

export interface SlowCableInput {
  /** Name of the TUN device that it makes. */
  device: string
  delayMs: number
  /** Share of packets that are lost, 0 to 1. */
  loss: number
}

/** Packets that are due within this time are let go: a timer of Node counts whole milliseconds. */
const ROUNDING_MS = 0.5
/** More than a cable of 10 ms holds at a gigabit per second. */
const MAX_HELD = 4_096
const MTU = 1_500

const { device, delayMs, loss } = await readInput<SlowCableInput>()
const held: { packet: Uint8Array; due: number }[] = []
let timer: NodeJS.Timeout | undefined
let state = 1

/** Draws a number from 0 to 1, the same ones in each run (Park and Miller's generator). */
const draw = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647

const release = (): void => {
  timer = undefined
  const now = performance.now() + ROUNDING_MS
  const upTo = held.findIndex(({ due }) => due > now)
  tun.write(held.splice(0, upTo < 0 ? held.length : upTo).map(({ packet }) => packet))
  arm()
}

const arm = (): void => {
  const [first] = held
  if (timer === undefined && first !== undefined)
    timer = setTimeout(release, Math.max(0, Math.floor(first.due - performance.now())))
}

const tun = await createTunDevices().open({
  name: device,
  mtu: MTU,
  onBatch: (packets) => {
    const due = performance.now() + delayMs
    for (const packet of packets) {
      if (draw() >= loss && held.length < MAX_HELD) held.push({ packet: new Uint8Array(packet), due })
    }
    arm()
  },
  onError: (error) => process.stderr.write(`${String(error)}\n`),
})
process.stdout.write('ready\n')
