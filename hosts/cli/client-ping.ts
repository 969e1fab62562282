import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { Command } from 'commander'
import { OperatorError } from '../../core/config/operator-error.ts'
import { parseAddress } from '../../core/net/ip-address.ts'
import type { NameInspection } from '../client/names/name-inspection.ts'
import type { ClientStatus, GatewayStatus, ResourceStatus } from '../client/session/client-status.ts'
import { ask, type AskOptions } from './ask.ts'
import { pathKind } from './client-status-text.ts'
import type { CommandContext } from './context.ts'
import { ExitCode } from './exit-code.ts'
import { notAResource, parseTarget, resourceAt, resourceNamed } from './ping-target.ts'

/** Result of `portreeve client ping`, as printed with `--json`. */
export interface PingResult {
  target: string
  /** Address that packets to the target have on this machine; null for a name that has none. */
  address: string | null
  resource: Pick<ResourceStatus, 'id' | 'name' | 'state' | 'reason' | 'why'>
  /** Gateway that carries the packets; null unless the resource is connected. */
  gateway: GatewayStatus | null
  /** Time in milliseconds until the resource was connected; about 0 if it was already. */
  took_ms: number
  /** TCP connection through the tunnel; null without a port, or if the resource is not connected. */
  connection: { port: number; outcome: 'answered' | 'refused' | 'failed'; code: string | null; ms: number } | null
}

/** Longest wait for a resource, longer than a client looks for a path. */
const PATIENCE_MS = 14_000
/** Wait before a denial counts, as the one that is shown may be of an earlier request. */
const DENIAL_COUNTS_MS = 1_000
const LOOK_MS = 50
const CONNECT_MS = 5_000

/** Builds `portreeve client ping`, which says who carries packets to a target, by which path, and how long it takes. */
export const clientPingCommand = (context: CommandContext): Command =>
  new Command('ping')
    .description('Says which gateway carries packets to a name or an address, by which path, and how long that takes.')
    .argument('<target>', 'a name or an address, with a TCP port to connect to or without: gitlab.example.org:443')
    .option('-c, --config <file>', 'the client’s configuration')
    .option('--json', 'print one JSON document')
    .action(async (target: string, options: AskOptions) => {
      const result = await ping(target, options, context)
      if (options.json === true) context.output.json(result)
      else context.output.print(describe(result))
      context.exit(codeOf(result))
    })
    .addHelpText(
      'after',
      `
Asks for access where there is none yet, as a first packet would. The round trip is that to the gateway, as last measured on the path; with
a port, a TCP connection is made through the tunnel to the target itself.
Ends with 0 where packets pass (and the port answers), 6 where access is denied, 4 where the gateway or the port is not reached, 3 signed out.

Examples:
  $ portreeve client ping gitlab.example.org
  $ portreeve client ping gitlab.example.org:443
  $ portreeve client ping 10.20.0.80 --json | jq .gateway.path`,
    )

const ping = async (text: string, options: AskOptions, context: CommandContext): Promise<PingResult> => {
  const { host, port } = parseTarget(text)
  const began = performance.now()
  const status = () => ask('status', options, context) as Promise<ClientStatus>
  const { state, resources } = await status()
  if (state === 'signed_out') {
    throw new OperatorError('SIGNED_OUT', 'the client is signed out.', 'Sign in: portreeve client sign-in')
  }
  const { resource, address } = await find(host, resources, (name, type) =>
    ask('dns-query', options, context, { name, type }),
  )
  await ask('want-access', options, context, { resource_id: resource.id })
  const outcome = await settled(status, resource.id, began)
  const { id, name, state: now, reason, why, gateway_id } = outcome.resource
  const isConnected = now === 'connected'
  const gateway = isConnected ? outcome.status.gateways.find((one) => one.id === gateway_id) : undefined
  const took = Math.round(performance.now() - began)
  return {
    target: text,
    address: address ?? null,
    resource: { id, name, state: now, reason, why },
    gateway: gateway ?? null,
    took_ms: took,
    connection: isConnected && port !== undefined && address !== undefined ? await connection(address, port) : null,
  }
}

/** Finds the resource of a name or an address, and the address that its packets have on this machine. */
const find = async (
  host: string,
  resources: readonly ResourceStatus[],
  query: (name: string, type: string) => Promise<unknown>,
): Promise<{ resource: ResourceStatus; address: string | undefined }> => {
  if (parseAddress(host) !== undefined) {
    const resource = resourceAt(host, resources)
    if (resource === undefined) throw notAResource(`${host} belongs to no resource that you may reach.`)
    return { resource, address: host }
  }
  const inspection = (await query(host, 'A')) as NameInspection
  const resource = resourceNamed(inspection, resources)
  const [ipv4] = inspection.answers.filter(({ type }) => type === 'A')
  if (ipv4 !== undefined) return { resource, address: ipv4.data }
  const { answers } = (await query(host, 'AAAA')) as NameInspection
  return { resource, address: answers.find(({ type }) => type === 'AAAA')?.data }
}

/** Waits until a resource is connected, or it is known that it will not be. */
const settled = async (status: () => Promise<ClientStatus>, resourceId: string, began: number) => {
  let last: string | undefined
  for (;;) {
    const now = await status()
    const resource = now.resources.find(({ id }) => id === resourceId)
    if (resource === undefined) throw notAResource('the resource was taken away from you just now.')
    const waited = performance.now() - began
    const hasBecome = last !== undefined && last !== resource.state
    const isOver =
      resource.state === 'connected' ||
      (resource.state === 'unreachable' && hasBecome) ||
      (resource.state === 'denied' && (hasBecome || waited > DENIAL_COUNTS_MS))
    if (isOver || waited > PATIENCE_MS) return { status: now, resource }
    last = resource.state
    await delay(LOOK_MS)
  }
}

const connection = (address: string, port: number): Promise<PingResult['connection']> =>
  new Promise((resolve) => {
    const began = performance.now()
    const socket = connect({ host: address, port, timeout: CONNECT_MS })
    const end = (outcome: 'answered' | 'refused' | 'failed', code: string | null) => {
      socket.destroy()
      resolve({ port, outcome, code, ms: Math.round((performance.now() - began) * 10) / 10 })
    }
    socket.once('connect', () => end('answered', null))
    socket.once('timeout', () => end('failed', 'ETIMEDOUT'))
    socket.on('error', ({ code = 'EIO' }: NodeJS.ErrnoException) =>
      end(code === 'ECONNREFUSED' ? 'refused' : 'failed', code),
    )
  })

const codeOf = ({ resource, connection: made }: PingResult): ExitCode => {
  if (resource.state === 'denied') return ExitCode.denied
  if (resource.state !== 'connected' || made?.outcome === 'failed' || made?.outcome === 'refused') {
    return ExitCode.unreachable
  }
  return ExitCode.done
}

const describe = ({ target, resource, gateway, took_ms: took, connection: made }: PingResult): string => {
  const { name, state, reason, why } = resource
  if (gateway === null) {
    const because = reason === null ? '' : ` (${reason})`
    return [`${target}: ${name}, ${state}${because}, after ${took} ms`, ...why.map((line) => `  ${line}`)].join('\n')
  }
  const { name: called, id, path, path_kind, round_trip_ms: roundTrip, mtu } = gateway
  const trip = roundTrip === null ? [] : [`round trip ${roundTrip.toFixed(1)} ms`]
  const how = [path ?? 'no path', pathKind(path_kind), ...trip, `MTU ${mtu}`]
  return [
    `${target}: ${name}, by gateway ${called ?? id}, ready after ${took} ms`,
    `  ${how.join(', ')}`,
    ...(made === null
      ? []
      : [`  port ${made.port} ${OUTCOMES[made.outcome]} after ${made.ms} ms${codeText(made.code)}`]),
  ].join('\n')
}

const codeText = (code: string | null): string => (code === null ? '' : ` (${code})`)

const OUTCOMES = { answered: 'answers', refused: 'refuses connections', failed: 'is not reached' } as const
