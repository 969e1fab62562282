import { OperatorError } from '../../../core/config/operator-error.ts'
import { loadAddon, type Addon } from '../native/addon.ts'

/** Values of PORTREEVE_LANE. */
export const LANE_WISHES = ['auto', 'native', 'script'] as const

export interface LaneChoice {
  kind: 'native' | 'script'
  /** Explanation for the log. */
  reason: string
}

const KEY_FORMAT = 'wireguard-v1'
const CIPHERS = ['', 'OpenSSL’s EVP', 'OpenSSL’s primitives']

/**
 * Chooses the lane that packets move in: native if addon, cipher and key format allow it, unless `wish`
 * (PORTREEVE_LANE) says otherwise.
 * @throws OperatorError LANE_INVALID for an unknown wish, LANE_UNAVAILABLE if `native` is wished and impossible
 */
export const chooseLane = (
  wish: string | undefined,
  { keyFormat }: { keyFormat?: string | undefined },
  load: () => Pick<Addon, 'cipher'> = loadAddon,
): LaneChoice => {
  const wished = LANE_WISHES.find((known) => known === (wish ?? 'auto'))
  if (wished === undefined) {
    throw new OperatorError('LANE_INVALID', `PORTREEVE_LANE is ${wish}.`, `It is one of ${LANE_WISHES.join(', ')}.`)
  }
  if (wished === 'script') return { kind: 'script', reason: 'PORTREEVE_LANE is script' }
  const native = nativeLane(keyFormat, load)
  if (native.kind === 'script' && wished === 'native') {
    throw new OperatorError('LANE_UNAVAILABLE', `the native lane is not available: ${native.reason}.`)
  }
  return native
}

const nativeLane = (keyFormat: string | undefined, load: () => Pick<Addon, 'cipher'>): LaneChoice => {
  if (keyFormat !== KEY_FORMAT) return { kind: 'script', reason: 'the tunnel transport exports no keys' }
  try {
    const cipher = load().cipher()
    if (cipher > 0) return { kind: 'native', reason: `sealed by ${CIPHERS[cipher]}` }
    return { kind: 'script', reason: 'this Node.js has no ChaCha20-Poly1305 that passes its test vectors' }
  } catch (error) {
    return { kind: 'script', reason: error instanceof Error ? error.message : String(error) }
  }
}
