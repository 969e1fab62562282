import { MemoryTransport } from '../../../plugins/transport-memory/memory-transport.ts'
import { tunnelTransportConformance } from '../../conformance/tunnel-transport.ts'

tunnelTransportConformance('memory', () => new MemoryTransport())
