import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { afterEach, beforeEach, describe, it } from 'mocha'
import type { PingResult } from '../../../hosts/cli/client-ping.ts'
import { run } from '../../../hosts/cli/program.ts'
import type { NameInspection } from '../../../hosts/client/names/name-inspection.ts'
import type { ClientStatus, ResourceStatus } from '../../../hosts/client/session/client-status.ts'
import { openClientSocket } from '../../../hosts/client/session/control-socket.ts'
import type { ControlSocket } from '../../../hosts/peer/control-socket.ts'
import { exampleClientStatus, exampleGateway } from '../../kit/client-status.ts'

const ASKED_AT = '2026-01-01T00:00:12.000Z'
const ANSWERED_AT = '2026-01-01T00:00:12.100Z'

describe('client ping', () => {
  let folder: string
  let control: ControlSocket
  /** Seconds of the client's life, one for each status that was asked for since access was wanted. */
  let life: ((wanted: number) => Partial<ResourceStatus> & { lastAnswer?: string })[]
  let wanted: number
  let asked: number
  let names: Record<string, Partial<NameInspection>>

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ping-'))
    ;[wanted, asked, names] = [0, 0, {}]
    const refused = () => Promise.reject(new Error('nobody asks for this'))
    control = await openClientSocket(join(folder, 'client.sock'), {
      status: () => Promise.resolve(status()),
      'dns-query': (input) => Promise.resolve(inspection(input as { name: string; type: string })),
      'want-access': () => Promise.resolve(void wanted++),
      down: refused,
      'sign-in': refused,
      'sign-in-paste': refused,
      'sign-out': refused,
    })
    await writeFile(join(folder, 'client.yaml'), 'portal_url: http://192.0.2.1\nsocket: client.sock\n')
  })
  afterEach(async () => {
    await control.close()
    await rm(folder, { recursive: true })
  })

  const status = (): ClientStatus => {
    const moment = life[Math.min(asked, life.length - 1)]
    if (wanted > 0) asked++
    const { lastAnswer = ANSWERED_AT, ...change } = moment?.(wanted) ?? {}
    const gateways = [exampleGateway({ last_answer: lastAnswer })]
    return exampleClientStatus({ at: ASKED_AT, gateways, resources: RESOURCES(change) })
  }
  const inspection = ({ name, type }: { name: string; type: string }): NameInspection => ({
    name,
    type,
    rule: 'upstream',
    resources: [],
    upstream: '192.0.2.53:53',
    site_trouble: null,
    code: 'NOERROR',
    answers: [],
    ms: 1,
    ...names[name],
  })
  const ping = async (target: string) => {
    const [printed, told]: [string[], string[]] = [[], []]
    const output = {
      print: (text: string) => printed.push(text),
      json: (value: unknown) => printed.push(JSON.stringify(value)),
      tell: (text: string) => told.push(text),
    }
    const args = ['client', 'ping', target, '--json', '-c', join(folder, 'client.yaml')]
    const code = await run(args, { env: {}, output })
    const result = printed.length === 0 ? undefined : (JSON.parse(printed[0] ?? '') as PingResult)
    return { code, result, told: told.join('\n') }
  }
  const address = (data: string): NameInspection['answers'][number] => ({ name: '', type: 'A', ttl: 1, data })

  it('client ping waits for an answer of the gateway that is newer than the question', async () => {
    life = [
      () => ({ lastAnswer: '2026-01-01T00:00:01.000Z' }),
      () => ({ lastAnswer: '2026-01-01T00:00:01.000Z' }),
      () => ({}),
    ]
    const { code, result } = await ping('10.20.0.80')
    expect(code).to.equal(0)
    expect(result?.resource).to.include({ name: 'site', state: 'connected' })
    expect(result?.gateway).to.include({ name: 'berlin-1', last_answer: ANSWERED_AT })
  })

  it('M4 client ping asks for another gateway where its gateway is dead, and says that there is none', async () => {
    const dead = { state: 'unreachable', reason: 'gateway-unreachable', gateway_id: null } as const
    const offline = { ...dead, reason: 'offline', why: ['None can be reached.'] }
    life = [
      () => ({ lastAnswer: '2026-01-01T00:00:01.000Z' }),
      () => dead,
      () => ({ state: 'requested' }),
      () => offline,
    ]
    const { code, result } = await ping('10.20.0.80')
    expect(code).to.equal(4)
    expect(wanted, 'asked again once the gateway is lost').to.equal(2)
    expect(result?.resource).to.include({ state: 'unreachable', reason: 'offline' })
    expect(result?.gateway).to.equal(null)
  })

  it('client ping follows a resource to another gateway', async () => {
    const dead = { state: 'unreachable', reason: 'gateway-unreachable', gateway_id: null } as const
    life = [() => ({ lastAnswer: '2026-01-01T00:00:01.000Z' }), () => dead, () => ({ state: 'connecting' }), () => ({})]
    expect(await ping('10.20.0.80')).to.include({ code: 0 })
  })

  it('client ping ends with 6 where access is denied, and says why', async () => {
    life = [() => ({ state: 'requested' }), () => ({ state: 'denied', reason: 'forbidden', why: ['Not at night.'] })]
    const { code, result } = await ping('10.20.0.80')
    expect(code).to.equal(6)
    expect(result?.resource.why).to.deep.equal(['Not at night.'])
  })

  it('client ping ends with 4 where a name of a resource has no address, and says what the site knows', async () => {
    life = [() => ({})]
    names['gone.example.org'] = { rule: 'resource', resources: [{ id: 'r1', name: 'site' }], code: 'NXDOMAIN' }
    const { code, result } = await ping('gone.example.org')
    expect(code).to.equal(4)
    expect(result?.name_trouble).to.equal('gone.example.org has no address: it is answered with NXDOMAIN.')
  })

  it('client ping takes the Internet resource for an address, and for a name, that no other resource has', async () => {
    life = [() => ({})]
    expect((await ping('9.9.9.9')).result?.resource).to.include({ name: 'Internet' })
    names['www.example.com'] = { answers: [address('9.9.9.9')] }
    expect((await ping('www.example.com')).result).to.deep.include({ address: '9.9.9.9', name_trouble: null })
    names['intranet.example.com'] = { answers: [address('10.99.0.1')] }
    expect((await ping('intranet.example.com')).told).to.match(/NOT_A_RESOURCE.*192\.0\.2\.53:53 answers it/)
  })

  it('client ping ends with 1 where the target belongs to no resource, and asks for nothing', async () => {
    life = [() => ({})]
    expect(await ping('10.99.0.1')).to.include({ code: 1 })
    expect(wanted).to.equal(0)
  })
})

const RESOURCES = (change: Partial<ResourceStatus>): ResourceStatus[] => {
  const connected = { state: 'connected', gateway_id: 'g1', reason: null, why: [] } as const
  return [
    { id: 'r1', name: 'site', address: '10.20.0.0/16', ...connected, why: [], ...change },
    { id: 'r2', name: 'Internet', address: null, ...connected, why: [] },
  ]
}
