import { WireGuardTransport } from '../../../plugins/transport-wireguard/wireguard-transport.ts'
import { tunnelTransportConformance } from '../../conformance/tunnel-transport.ts'

tunnelTransportConformance('wireguard', () => new WireGuardTransport())
