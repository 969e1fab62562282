// One end of a tunnel as a process of its own, so that it can live in another network namespace: the transport on a UDP
// socket, without a TUN device. Its parent sends inputs and receives outputs over the IPC channel.
import { createSocket } from 'node:dgram'
import type { TunnelInput, TunnelOutput } from '../../core/contract/tunnel-transport.ts'
import { drive } from '../../core/runtime/drive.ts'
import { endpoint, splitEndpoint } from '../../core/runtime/endpoint.ts'
import { after, type Instant } from '../../core/runtime/time.ts'
import { createClock, createRandom } from '../../hosts/runtime/index.ts'
import type { RekeyPace } from '../../plugins/transport-wireguard/timers.ts'
import { WireGuardTransport } from '../../plugins/transport-wireguard/wireguard-transport.ts'

/** Differences between this end and one of the product. */
export interface EndTuning {
  /** Whether it asks everybody for a cookie. */
  alwaysUnderLoad?: boolean
  pace?: Partial<RekeyPace>
}

export type EndCommand =
  | { type: 'open'; privateKey: Uint8Array; port: number; tuning: EndTuning }
  | { type: 'input'; input: TunnelInput }
  /** Moves both clocks of this end forward. */
  | { type: 'skipTime'; milliseconds: number }
  /** Sends bytes past the transport. */
  | { type: 'sendRaw'; to: string; datagram: Uint8Array; times: number }
  | { type: 'close' }

export type EndReport =
  | { type: 'opened' }
  | { type: 'output'; output: TunnelOutput }
  /** A message of this kind came from the network for the first time. */
  | { type: 'received'; kind: number }
  | { type: 'counters'; counters: Readonly<Record<string, number>> }

const report = (message: EndReport): void => {
  if (process.connected) process.send?.(message)
}

const open = ({ privateKey, port, tuning }: Extract<EndCommand, { type: 'open' }>) => {
  const { alwaysUnderLoad = false, pace = {} } = tuning
  const socket = createSocket('udp4')
  const real = createClock()
  let skipped = 0
  const now = (): Instant => after(real.now(), skipped)
  const clock = { ...real, now, wake: (at: Instant, callback: () => void) => real.wake(after(at, -skipped), callback) }
  const transport = new WireGuardTransport({ pace, ...(alwaysUnderLoad ? { load: { arrived: () => true } } : {}) })
  const tunnel = transport.createTunnel({
    privateKey,
    random: createRandom(),
    unixAt: (at) => (real.unix() + (at - real.now())) as ReturnType<typeof real.unix>,
  })
  const send = (to: string, datagram: Uint8Array): void => {
    const split = splitEndpoint(to)
    if (split !== undefined) socket.send(datagram, split.port, split.address)
  }
  const driven = drive(tunnel, {
    clock,
    perform: (output) => {
      if (output.type === 'sendDatagram') send(output.path, output.datagram)
      report({ type: 'output', output })
    },
  })
  const kinds = new Set<number>()
  socket.on('message', (datagram, from) => {
    const kind = datagram[0] ?? 0
    if (!kinds.has(kind)) report({ type: 'received', kind })
    kinds.add(kind)
    driven.dispatch({ type: 'datagramReceived', path: endpoint(from.address, from.port), datagram })
  })
  socket.bind(port, () => report({ type: 'opened' }))
  return {
    dispatch: (input: TunnelInput) => driven.dispatch(input),
    skip: (milliseconds: number) => {
      skipped += milliseconds
    },
    send,
    close: () => {
      report({ type: 'counters', counters: tunnel.counters() })
      driven.stop()
      socket.close()
      process.disconnect()
    },
  }
}

let end: ReturnType<typeof open> | undefined
process.on('message', (command: EndCommand) => {
  switch (command.type) {
    case 'open':
      end = open(command)
      return
    case 'input':
      end?.dispatch(command.input)
      return
    case 'skipTime':
      end?.skip(command.milliseconds)
      return
    case 'sendRaw':
      for (let time = 0; time < command.times; time++) end?.send(command.to, command.datagram)
      return
    case 'close':
      end?.close()
  }
})
