import type { Tunnel } from '../../core/contract/tunnel-transport.ts'
import type { GatewayFlowsInput, GatewayFlowsOutput } from '../../core/flow/gateway/gateway-flows.ts'
import type { Lane } from '../../core/flow/lane.ts'
import type { AdvertisedAddress } from '../../core/ice/advertised-address.ts'
import type { Random } from '../../core/runtime/random.ts'
import type { ClockPair, Instant } from '../../core/runtime/time.ts'

/** Options of `GatewayState`. */
export interface GatewayStateOptions {
  random: Random
  tunnel: Tunnel
  /** Name of the tunnel transport plugin. */
  transport?: string | undefined
  /** Lane that packets move in; a script lane by default. */
  lane?: Lane<GatewayFlowsInput, GatewayFlowsOutput>
  /** Returns both clocks at an instant, to convert the portal's expiries, which are Unix times. */
  clocksAt: (now: Instant) => ClockPair
  /** Whether a name may resolve to an address of this machine; false by default. */
  allowsOwnAddresses?: boolean
  /** URL of the control channel, for messages about problems. */
  portalUrl?: string
  /** MTU of the tunnel device in bytes. */
  mtu?: number | undefined
  /** Addresses at which the operator says that this gateway is reached, behind a NAT for example. */
  advertised?: readonly AdvertisedAddress[] | undefined
}
