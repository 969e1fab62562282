import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { Command } from 'commander'
import { OperatorError } from '../../core/config/operator-error.ts'
import { parseAddress } from '../../core/net/ip-address.ts'
import type { NameInspection } from '../client/names/name-inspection.ts'
import type { ClientStatus, GatewayStatus, ResourceStatus } from '../client/session/client-status.ts'
import { ask, type AskOptions } from './ask.ts'
import type { CommandContext } from './context.ts'
import { ExitCode } from './exit-code.ts'
import { pathLine } from './path-line.ts'
import { notAResource, parseTarget, resourceAt, resourceNamed } from './ping-target.ts'

/** Result of `portreeve client ping`, as printed with `--json`. */
export interface PingResult {
  target: string
  /** Time of the result (ISO 8601). */
  at: string | null
  /** Address that packets to the target have on this machine; null for a name that has none. */
  address: string | null
  /** Why a name has no address; null if it has one. */
  name_trouble: string | null
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
Asks for access where there is none yet, as a first packet would, and waits for an answer from the gateway. With a port, a TCP connection
is made through the tunnel to the target itself.
Ends with 0 where packets pass (and the port answers), 6 where access is denied, 4 where the gateway or the port is not reached or the name has
no address, 3 signed out, 1 where the target belongs to no resource.

Examples:
  $ portreeve client ping gitlab.example.org
  $ portreeve client ping gitlab.example.org:443
  $ portreeve client ping 10.20.0.80 --json | jq .gateway.path`,
    )

/**
 * Asks for access to a target and waits until it is connected, or it is known that it will not be.
 * @throws OperatorError SIGNED_OUT, NOT_A_RESOURCE, USAGE
 */
export const ping = async (text: string, options: AskOptions, context: CommandContext): Promise<PingResult> => {
  const { host, port } = parseTarget(text)
  const began = performance.now()
  const status = () => ask('status', options, context) as Promise<ClientStatus>
  const { state, resources } = await status()
  if (state === 'signed_out') {
    throw new OperatorError('SIGNED_OUT', 'the client is signed out.', 'Sign in: portreeve client sign-in')
  }
  const { resource, address, trouble } = await find(host, resources, (name, type) =>
    ask('dns-query', options, context, { name, type }),
  )
  const outcome = await settled(
    { status, want: () => ask('want-access', options, context, { resource_id: resource.id }) },
    resource.id,
  )
  const { id, name, state: now, reason, why, gateway_id } = outcome.resource
  const isConnected = now === 'connected'
  const gateway = isConnected ? outcome.status.gateways.find((one) => one.id === gateway_id) : undefined
  const took = Math.round(performance.now() - began)
  return {
    target: text,
    at: outcome.status.at,
    address: address ?? null,
    name_trouble: trouble ?? null,
    resource: { id, name, state: now, reason, why },
    gateway: gateway ?? null,
    took_ms: took,
    connection: isConnected && port !== undefined && address !== undefined ? await connection(address, port) : null,
  }
}

interface Found {
  resource: ResourceStatus
  /** Address that the target's packets have on this machine. */
  address: string | undefined
  /** Why there is none. */
  trouble?: string
}

/** Finds the resource of a name or an address. @throws OperatorError NOT_A_RESOURCE */
const find = async (
  host: string,
  resources: readonly ResourceStatus[],
  query: (name: string, type: string) => Promise<unknown>,
): Promise<Found> => {
  if (parseAddress(host) !== undefined) {
    const resource = resourceAt(host, resources)
    if (resource === undefined) throw notAResource(`${host} belongs to no resource that you may reach.`)
    return { resource, address: host }
  }
  const ipv4 = (await query(host, 'A')) as NameInspection
  const resource = resourceNamed(ipv4, resources)
  const [address] = addressesOf(ipv4)
  if (address !== undefined) return { resource, address }
  const ipv6 = (await query(host, 'AAAA')) as NameInspection
  const [other] = addressesOf(ipv6)
  if (other !== undefined) return { resource, address: other }
  const trouble =
    ipv4.site_trouble ?? ipv6.site_trouble ?? `${ipv4.name} has no address: it is answered with ${ipv4.code}.`
  return { resource, address: undefined, trouble }
}

const addressesOf = ({ answers }: NameInspection): string[] =>
  answers.flatMap(({ type, data }) => (type === 'A' || type === 'AAAA' ? data : []))

/**
 * Waits until packets have been shown to reach a resource's gateway, or it is known that they do not. Where a gateway is
 * lost meanwhile, the resource is requested once more, so that another one may take over.
 */
const settled = async (
  client: { status: () => Promise<ClientStatus>; want: () => Promise<unknown> },
  resourceId: string,
): Promise<{ status: ClientStatus; resource: Outcome }> => {
  const began = performance.now()
  const before = await client.status()
  await client.want()
  let last: string | undefined
  for (;;) {
    const status = await client.status()
    const resource = status.resources.find(({ id }) => id === resourceId)
    if (resource === undefined) throw notAResource('the resource was taken away from you just now.')
    const waited = performance.now() - began
    const hasBecome = last !== undefined && last !== resource.state
    if (hasBecome && resource.reason === 'gateway-unreachable') await client.want()
    else if (isOver({ status, resource, hasBecome, waited, since: before.at })) return { status, resource }
    else if (waited > PATIENCE_MS) return { status, resource: silent(resource) }
    last = resource.state
    await delay(LOOK_MS)
  }
}

type Outcome = Pick<ResourceStatus, 'id' | 'name' | 'state' | 'reason' | 'why' | 'gateway_id'>

/** State of a resource whose gateway counts as reached, and has answered nothing during the whole wait. */
const silent = (resource: ResourceStatus): Outcome =>
  resource.state === 'connected'
    ? { ...resource, state: 'unreachable', reason: 'no-answer', why: ['Its gateway answers no check of the path.'] }
    : resource

/** Whether the state of a resource is one that was found out since the question. */
const isOver = (seen: {
  status: ClientStatus
  resource: ResourceStatus
  hasBecome: boolean
  waited: number
  since: string | null
}): boolean => {
  const { status, resource, hasBecome, waited, since } = seen
  if (resource.state === 'unreachable') return hasBecome
  if (resource.state === 'denied') return hasBecome || waited > DENIAL_COUNTS_MS
  if (resource.state !== 'connected') return false
  const answered = status.gateways.find(({ id }) => id === resource.gateway_id)?.last_answer
  return since === null || (typeof answered === 'string' && answered >= since)
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

const codeOf = ({ resource, name_trouble: trouble, connection: made }: PingResult): ExitCode => {
  if (resource.state === 'denied') return ExitCode.denied
  if (resource.state !== 'connected' || trouble !== null || (made !== null && made.outcome !== 'answered')) {
    return ExitCode.unreachable
  }
  return ExitCode.done
}

const describe = (result: PingResult): string => {
  const { target, at, resource, gateway, took_ms: took, connection: made, name_trouble: trouble } = result
  const { name, state, reason, why } = resource
  const troubles = trouble === null ? [] : [`  ${trouble}`]
  if (gateway === null) {
    const because = reason === null ? '' : ` (${reason})`
    const lines = why.map((line) => `  ${line}`)
    return [`${target}: ${name}, ${state}${because}, after ${took} ms`, ...lines, ...troubles].join('\n')
  }
  return [
    `${target}: ${name}, by gateway ${gateway.name ?? gateway.id}, ready after ${took} ms`,
    `  ${pathLine(gateway, at)}`,
    ...(gateway.not_direct === null ? [] : [`  Not directly: ${gateway.not_direct.said}`]),
    ...troubles,
    ...(made === null
      ? []
      : [`  port ${made.port} ${OUTCOMES[made.outcome]} after ${made.ms} ms${codeText(made.code)}`]),
  ].join('\n')
}

const codeText = (code: string | null): string => (code === null ? '' : ` (${code})`)

const OUTCOMES = { answered: 'answers', refused: 'refuses connections', failed: 'is not reached' } as const
