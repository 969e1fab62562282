import { token } from '../di.ts'

/** A layer-3 device. Whole IP packets of at most `mtu` bytes, in batches, with complete checksums, in either direction. */
export interface TunDevice {
  readonly name: string
  /** Bytes are borrowed until it returns. What the kernel refuses is dropped and counted. */
  write: (packets: readonly Uint8Array[]) => void
  /** How many were dropped so far, by reason: `EAGAIN`, `ENETUNREACH` … */
  dropped?: () => Readonly<Record<string, number>>
  close: () => Promise<void>
}

export interface TunDeviceOptions {
  /** At most 15 characters; the host's default names its role. */
  name: string
  mtu: number
  /** Bytes are borrowed until it returns. */
  onBatch: (packets: readonly Uint8Array[]) => void
  onError: (error: Error) => void
}

export interface TunDevices {
  open: (options: TunDeviceOptions) => Promise<TunDevice>
}

export const TunDevices = token<TunDevices>('tun-devices')
