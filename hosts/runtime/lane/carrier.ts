import type { Datagram, ReceivedDatagram, DatagramSockets } from '../../../core/runtime/datagram-socket.ts'
import type { TunDevice, TunDevices } from '../../../core/runtime/tun-device.ts'
import { PeerSockets } from '../peer-sockets.ts'

export interface CarrierOptions<Report> {
  device: { name: string; mtu: number }
  /** Preferred UDP port, and SO_MARK of the sockets. */
  udp: { port: number; mark?: number }
  /** Called with received datagrams, whose bytes are borrowed until it returns. */
  onDatagrams: (datagrams: readonly ReceivedDatagram[]) => void
  /** Script lane only: called with packets read from the TUN device, whose bytes are borrowed until it returns. */
  onTunPackets: (packets: readonly Uint8Array[]) => void
  /** Native lane only: called with each report of the worker. */
  onReport: (report: Report) => void
  /** Called when the device or the worker has failed for good. */
  onFailure: (error: Error) => void
  onSocketError: (error: Error) => void
}

/**
 * TUN device and UDP sockets of a host, served by its own thread or by a worker. Calls are queued and carried out, in
 * order, by the next `flush`.
 */
export interface PacketCarrier<Command> {
  readonly ports: { ipv4?: number; ipv6?: number }
  sendDatagram: (datagram: Datagram) => void
  /** Script lane only: queues a packet for the TUN device. In the native lane the worker writes packets itself. */
  writeTun?: (packet: Uint8Array) => void
  /** Native lane only: queues a command for the worker. */
  tell?: (command: Command) => void
  flush: () => void
  /** Flushes, then closes device and sockets. */
  close: () => Promise<void>
}

/** Carrier of the script lane: device and sockets are served by the host's thread, one whole packet at a time. */
export class ScriptCarrier implements PacketCarrier<never> {
  readonly #tun: TunDevice
  readonly #sockets: PeerSockets
  #packets: Uint8Array[] = []

  private constructor(tun: TunDevice, sockets: PeerSockets) {
    this.#tun = tun
    this.#sockets = sockets
  }

  /** Opens device and sockets. Rejects if either cannot be opened. */
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
