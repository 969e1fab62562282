import type { Datagram, ReceivedDatagram, DatagramSockets } from '../../../core/runtime/datagram-socket.ts'
import type { TunDevice, TunDevices } from '../../../core/runtime/tun-device.ts'
import { PeerSockets } from '../peer-sockets.ts'

export interface CarrierOptions<Report> {
  device: { name: string; mtu: number }
  /** The UDP port wanted, and the mark of the sockets. */
  udp: { port: number; mark?: number }
  /** Bytes are borrowed until it returns. */
  onDatagrams: (datagrams: readonly ReceivedDatagram[]) => void
  /** Bytes are borrowed until it returns. Of a lane whose flows run in the host. */
  onTunPackets: (packets: readonly Uint8Array[]) => void
  /** Of a worker's lane. */
  onReport: (report: Report) => void
  /** Something is gone for good: the device, or the worker. */
  onFailure: (error: Error) => void
  onSocketError: (error: Error) => void
}

/**
 * The device and the sockets of a host, by whichever thread they are served. What was queued is carried out, in order, with the next
 * `flush`.
 */
export interface PacketCarrier<Command> {
  readonly ports: { ipv4?: number; ipv6?: number }
  sendDatagram: (datagram: Datagram) => void
  /** Absent where the flows run in a worker, which writes by itself. */
  writeTun?: (packet: Uint8Array) => void
  /** Hands a command to the worker; absent where there is none. */
  tell?: (command: Command) => void
  flush: () => void
  /** After what was queued is carried out. */
  close: () => Promise<void>
}

/** Both in the host's own thread, whole packets one by one. */
export class ScriptCarrier implements PacketCarrier<never> {
  readonly #tun: TunDevice
  readonly #sockets: PeerSockets
  #packets: Uint8Array[] = []

  private constructor(tun: TunDevice, sockets: PeerSockets) {
    this.#tun = tun
    this.#sockets = sockets
  }

  /** Rejects where the device or the sockets cannot be had. */
  static async open(
    { tunDevices, sockets }: { tunDevices: TunDevices; sockets: DatagramSockets },
    options: CarrierOptions<never>,
  ): Promise<ScriptCarrier> {
    const { device, udp, onTunPackets, onFailure, onDatagrams, onSocketError } = options
    const tun = await tunDevices.open({ ...device, onBatch: onTunPackets, onError: onFailure })
    try {
      const opened = await PeerSockets.open(sockets, { ...udp, onBatch: onDatagrams, onError: onSocketError })
      return new ScriptCarrier(tun, opened)
    } catch (error) {
      await tun.close()
      throw error
    }
  }

  get ports(): { ipv4?: number; ipv6?: number } {
    return this.#sockets.ports
  }

  sendDatagram(datagram: Datagram): void {
    this.#sockets.queue(datagram)
  }

  writeTun(packet: Uint8Array): void {
    this.#packets.push(packet)
  }

  flush(): void {
    this.#sockets.flush()
    if (this.#packets.length === 0) return
    const packets = this.#packets
    this.#packets = []
    this.#tun.write(packets)
  }

  async close(): Promise<void> {
    this.flush()
    await this.#sockets.close()
    await this.#tun.close()
  }
}
