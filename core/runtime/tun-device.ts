import { token } from '../di.ts'

/**
 * A TUN device. Packets in both directions are whole IP packets of at most `mtu` bytes with complete checksums, in
 * batches.
 */
export interface TunDevice {
  readonly name: string
  /** Writes packets; those that the kernel refuses are dropped and counted. Bytes are borrowed until it returns. */
  write: (packets: readonly Uint8Array[]) => void
  /** Returns the number of dropped packets by reason: `EAGAIN`, `ENETUNREACH` … */
  dropped?: () => Readonly<Record<string, number>>
  close: () => Promise<void>
}

export interface TunDeviceOptions {
  /** Name of the device, at most 15 characters. */
  name: string
  mtu: number
  /** Takes packets that were read. Bytes are borrowed until it returns. */
  onBatch: (packets: readonly Uint8Array[]) => void
  onError: (error: Error) => void
}

/** Opens TUN devices. */
export interface TunDevices {
  open: (options: TunDeviceOptions) => Promise<TunDevice>
}

export const TunDevices = token<TunDevices>('tun-devices')
