import { MemoryTransport } from '../../../plugins/transport-memory/memory-transport.ts'
import { tunnelTransportSuite } from '../../conformance/tunnel-transport.ts'

tunnelTransportSuite('memory', () => new MemoryTransport(), { isConfidential: false })
