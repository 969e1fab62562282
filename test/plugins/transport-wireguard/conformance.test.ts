import { WireGuardTransport } from '../../../plugins/transport-wireguard/wireguard-transport.ts'
import { tunnelTransportSuite } from '../../conformance/tunnel-transport.ts'

tunnelTransportSuite('wireguard', () => new WireGuardTransport())
