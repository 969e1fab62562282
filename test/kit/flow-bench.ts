import { ClientFlows, type ClientFlowsInput, type ClientFlowsOutput } from '../../core/flow/client/client-flows.ts'
import {
  decodeControlFrame,
  encodeControlFrame,
  isControlFrame,
  type ControlFrame,
} from '../../core/flow/control-frame.ts'
import type { FlowResource } from '../../core/flow/flow-resource.ts'
import { GatewayFlows, type GatewayFlowsInput, type GatewayFlowsOutput } from '../../core/flow/gateway/gateway-flows.ts'
import type { Machine } from '../../core/runtime/machine.ts'
import { instant } from '../../core/runtime/time.ts'
import { buildPacket, checksumsAreRight, describePacket, type PacketParts } from './packet-builder.ts'

/** Tunnel addresses of the tests' peers. */
export const ADA = { ipv4: '100.64.0.2', ipv6: 'fd00:2021:1111::2' }
export const BOB = { ipv4: '100.64.0.3', ipv6: 'fd00:2021:1111::3' }
export const GATEWAY = { ipv4: '100.64.0.1', ipv6: 'fd00:2021:1111::1' }

export const cidr = (id: string, address: string, ...filters: FlowResource['filters']): FlowResource => ({
  id,
  type: 'cidr',
  address,
  filters,
})
export const dns = (id: string, address: string, ...filters: FlowResource['filters']): FlowResource => ({
  id,
  type: 'dns',
  address,
  filters,
})
export const internet = (id: string): FlowResource => ({ id, type: 'internet', address: '', filters: [] })
export const tcp = (portStart: number, portEnd = portStart): FlowResource['filters'][number] => ({
  protocol: 'tcp',
  portStart,
  portEnd,
})

/** The client's four mapped addresses of each family for its first name (0), its second (1) … */
export const proxies = (name: number): string[] => [
  ...[0, 1, 2, 3].map((at) => `100.96.0.${name * 4 + at}`),
  ...[0, 1, 2, 3].map((at) =>
    name * 4 + at === 0 ? 'fd00:2021:1111:8000::' : `fd00:2021:1111:8000::${(name * 4 + at).toString(16)}`,
  ),
]

type Output = ClientFlowsOutput | GatewayFlowsOutput

/**
 * A flow machine under a clock that the test moves. Returns outputs as text; a packet with a wrong checksum fails the
 * test.
 */
class Bench<Input, Out extends Output> {
  now = 1_000
  readonly machine: Machine<Input, Out>
  /** Packets that the last step put out, in order. */
  packets: Uint8Array[] = []

  constructor(machine: Machine<Input, Out>) {
    this.machine = machine
  }

  handle(...inputs: Input[]): string[] {
    this.packets = []
    return inputs.flatMap((input) => {
      this.machine.handle(input, instant(this.now))
      return this.#drain()
    })
  }

  /** Lets time pass and wakes the machine whenever it is due. */
  wait(milliseconds: number): string[] {
    this.packets = []
    const end = this.now + milliseconds
    const told: string[] = []
    for (let due = this.machine.deadline(); due !== undefined && due.at <= end; due = this.machine.deadline()) {
      this.now = Math.max(this.now, due.at)
      this.machine.wake(instant(this.now))
      told.push(...this.#drain())
    }
    this.now = end
    return told
  }

  #drain(): string[] {
    const told: string[] = []
    for (let output = this.machine.poll(); output !== undefined; output = this.machine.poll()) {
      if ('packet' in output) this.packets.push(output.packet)
      told.push(describe(output))
    }
    return told
  }
}

export class GatewayBench extends Bench<GatewayFlowsInput, GatewayFlowsOutput> {
  readonly flows: GatewayFlows

  constructor() {
    const flows = new GatewayFlows()
    super(flows)
    this.flows = flows
    this.handle({ type: 'interfaceConfigured', ...GATEWAY })
    this.handle({ type: 'peerAdded', peer: 'ada', ...ADA })
  }

  grant(resource: FlowResource, { peer = 'ada', expiresIn }: { peer?: string; expiresIn?: number } = {}): string[] {
    const expiresAt = expiresIn === undefined ? undefined : instant(this.now + expiresIn)
    return this.handle({ type: 'granted', peer, resource, expiresAt })
  }

  fromClient(parts: Partial<PacketParts> & { destination: string }, peer = 'ada'): string[] {
    const own = peer === 'bob' ? BOB : ADA
    const source = parts.destination.includes(':') ? own.ipv6 : own.ipv4
    return this.handle({ type: 'tunnelPacket', peer, packet: buildPacket({ source, ...parts }) })
  }

  fromNetwork(parts: Partial<PacketParts> & { source: string }): string[] {
    const destination = parts.source.includes(':') ? ADA.ipv6 : ADA.ipv4
    return this.handle({ type: 'tunPackets', packets: [buildPacket({ destination, ...parts })] })
  }

  frame(frame: ControlFrame, peer = 'ada'): string[] {
    return this.handle({ type: 'tunnelPacket', peer, packet: encodeControlFrame(frame) })
  }

  /**
   * Tells the gateway the client's mapped addresses of a name, and answers the look-up that follows with these records.
   */
  assign(resource: string, domain: string, { name = 0, ipv4 = [] as string[], ipv6 = [] as string[] } = {}): string[] {
    const told = this.frame({ type: 'assignedIps', resource, domain, mappedIps: proxies(name) })
    const lookup = /^resolve (\d+)/.exec(told[0] ?? '')?.[1]
    return lookup === undefined ? told : this.handle({ type: 'resolved', lookup: Number(lookup), ipv4, ipv6 })
  }
}

export class ClientBench extends Bench<ClientFlowsInput, ClientFlowsOutput> {
  readonly flows: ClientFlows

  constructor(...resources: FlowResource[]) {
    const flows = new ClientFlows()
    super(flows)
    this.flows = flows
    this.handle({ type: 'interfaceConfigured', ...ADA })
    this.handle({ type: 'resourcesChanged', resources })
  }

  grant(resourceId: string, peer = 'gateway'): string[] {
    return this.handle({ type: 'connected', resourceId, peer, peerIpv4: GATEWAY.ipv4, peerIpv6: GATEWAY.ipv6 })
  }

  fromApplication(parts: Partial<PacketParts> & { destination: string }): string[] {
    const source = parts.destination.includes(':') ? ADA.ipv6 : ADA.ipv4
    return this.handle({ type: 'tunPackets', packets: [buildPacket({ source, ...parts })] })
  }

  /** Delivers a tunnel packet from a gateway; its ports and flags answer the default packet of `fromApplication`. */
  fromGateway(parts: Partial<PacketParts> & { source: string }, peer = 'gateway'): string[] {
    const destination = parts.source.includes(':') ? ADA.ipv6 : ADA.ipv4
    const answer = { destination, sourcePort: 443, destinationPort: 40_000, flags: 'SA' }
    return this.handle({ type: 'tunnelPacket', peer, packet: buildPacket({ ...answer, ...parts }) })
  }

  frame(frame: ControlFrame, peer = 'gateway'): string[] {
    return this.handle({ type: 'tunnelPacket', peer, packet: encodeControlFrame(frame) })
  }
}

const describe = (output: Output): string => {
  switch (output.type) {
    case 'sendPacket':
      return `${output.peer}: ${describeAny(output.packet)}`
    case 'writeTun':
      if (isControlFrame(output.packet)) throw new Error('a control frame on the TUN device')
      return `tun: ${describeAny(output.packet)}`
    case 'nameResolved': {
      const { domain, resourceId, found } = output
      return `${domain} of ${resourceId} at its site: ${found === undefined ? 'no trouble' : `${found.ipv4}, ${found.ipv6}`}`
    }
    case 'resolve':
      return `resolve ${output.lookup} ${output.domain}`
    case 'nameJudged':
      return `judged ${output.ask} ${output.permitted}`
    case 'nameUsed':
      return `used ${output.domain}`
    case 'requestAccess':
      return `request ${output.resourceId}`
    case 'resolverQuery':
      return `query ${output.source} > ${output.destination}`
    case 'removePeer':
      return `${output.type} ${output.peer}`
    case 'granted':
    case 'withdrawn':
    case 'expired':
      return `${output.type} ${output.peer} ${output.resourceId}`
  }
}

const describeAny = (packet: Uint8Array): string => {
  if (!isControlFrame(packet)) {
    if (!checksumsAreRight(packet)) throw new Error(`a wrong checksum: ${describePacket(packet)}`)
    return describePacket(packet)
  }
  const frame = decodeControlFrame(packet)
  if (typeof frame === 'string') throw new Error(frame)
  if (frame.type === 'goodbye') return 'goodbye'
  return frame.type === 'domainStatus'
    ? `${frame.domain} of ${frame.resource} is ${frame.status}`
    : `${frame.domain} of ${frame.resource} has ${frame.mappedIps.length} addresses`
}
