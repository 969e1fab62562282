import type {
  Tunnel,
  TunnelInput,
  TunnelKeys,
  TunnelOptions,
  TunnelOutput,
  TunnelTransport,
} from '../../core/contract/tunnel-transport.ts'
import type { TransportCall } from '../../core/ice/guarded-tunnel.ts'
import type { Deadline } from '../../core/runtime/machine.ts'
import type { Random } from '../../core/runtime/random.ts'
import type { Instant } from '../../core/runtime/time.ts'

/** Replacement of one call's result: throws, or returns whatever it likes. */
export type Misdeed = () => unknown

/** A transport plugin that fails at the calls that a test chooses, for as long as the test wants. */
export class FailingTransport implements TunnelTransport {
  readonly misdeeds = new Map<TransportCall, Misdeed>()
  readonly #inner: TunnelTransport

  constructor(inner: TunnelTransport) {
    this.#inner = inner
  }

  generateKeys(random: Random): TunnelKeys {
    return this.#inner.generateKeys(random)
  }

  publicKey(privateKey: Uint8Array): Uint8Array {
    return this.#inner.publicKey(privateKey)
  }

  createTunnel(options: TunnelOptions): Tunnel {
    const inner = this.#inner.createTunnel(options)
    const doing = <T>(call: TransportCall, right: () => T): T => {
      const misdeed = this.misdeeds.get(call)
      return misdeed === undefined ? right() : (misdeed() as T)
    }
    return {
      handle: (input: TunnelInput, now: Instant): void => doing(input.type, () => inner.handle(input, now)),
      wake: (now: Instant): void => doing('wake', () => inner.wake(now)),
      poll: (): TunnelOutput | undefined => doing('poll', () => inner.poll()),
      deadline: (): Deadline | undefined => doing('deadline', () => inner.deadline()),
      counters: () => inner.counters(),
    }
  }
}
