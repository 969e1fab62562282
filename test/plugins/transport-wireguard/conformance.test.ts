import { WireGuardTransport } from '../../../plugins/transport-wireguard/wireguard-transport.ts'
import { LaneTransport } from '../../kit/lane-tunnel.ts'
import { tunnelTransportSuite } from '../../conformance/tunnel-transport.ts'

tunnelTransportSuite('wireguard', () => new WireGuardTransport())

// Everything again where a lane seals with the exported keys, and tells of the traffic in intervals.
tunnelTransportSuite('wireguard with exported keys', () => new LaneTransport())
