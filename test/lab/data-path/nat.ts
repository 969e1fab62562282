import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { before, after, describe, it } from 'mocha'
import { askGatewayStatus } from '../../../hosts/gateway/control-socket.ts'
import type { Finding } from '../../../hosts/cli/finding.ts'
import type { PingResult } from '../../../hosts/cli/client-ping.ts'
import { Namespace } from '../../../hosts/lab/namespace.ts'
import { joinByRouter, type BehindRouter } from '../../../hosts/lab/nat-router.ts'
import { portreeve } from '../../../hosts/lab/program.ts'
import type { Bed } from '../bed/bed.ts'
import { ipv4Of, TARGET_HOST, WEB_PORT } from '../bed/topology.ts'

const CLIENT = 'client-at-home'
const PORT = 52_625
const BRIDGES = 40

/** Gateways behind routers: where they are, and at which address and port they are reached. */
const GATEWAYS: readonly {
  name: string
  title: string
  place: BehindRouter
  reachedAt: string
  advertised?: string
}[] = [
  {
    name: 'gateway-in-cloud',
    title: 'H11 a gateway behind 1:1 NAT, with 40 bridges of containers, is reached by what STUN has found',
    place: { inside: '10.0.1.5', outside: '203.0.113.71', translation: 'one-to-one' },
    reachedAt: `203.0.113.71:${PORT}`,
  },
  {
    name: 'gateway-forwarded',
    title: 'H11 a gateway behind a port forward is reached by what it advertises',
    place: {
      inside: '10.0.2.5',
      outside: '203.0.113.72',
      translation: 'random',
      forward: { from: 40_000, to: PORT },
    },
    reachedAt: '203.0.113.72:40000',
    advertised: '203.0.113.72:40000',
  },
  {
    name: 'gateway-in-office',
    title: 'H6 a gateway whose router only lets answers in is reached by hole punching',
    place: { inside: '10.0.3.5', outside: '203.0.113.73', translation: 'preserving' },
    reachedAt: `203.0.113.73:${PORT}`,
  },
]

/** H6, H11: client and gateways behind routers that translate addresses, by nftables. */
export const natTests = (bed: () => Bed): void => {
  describe('H6 H11 a client behind NAT', () => {
    const resourceOf = (index: number): string => ipv4Of('site', 180 + index)

    /** Makes a machine behind a router of its own, and lets the bed use it. */
    const makeMachine = async (name: string, index: number, place: BehindRouter): Promise<Namespace> => {
      const machine = await Namespace.create(bed().run, name)
      const to = { switches: bed().network.routers.internet, bridge: 'outside', port: `nat-${index}` }
      await joinByRouter(bed().run, machine, { place, role: `router-${index}`, to })
      bed().machines.set(name, machine)
      return machine
    }

    const startGateway = async (index: number, { name, place, advertised }: (typeof GATEWAYS)[number]) => {
      const machine = await makeMachine(name, index, place)
      await machine.resolvConf(`nameserver ${ipv4Of('site', TARGET_HOST)}\n`)
      const to = bed().network.routers.premises
      await machine.veth({ device: 'site', to, toDevice: `sit-nat-${index}`, toBridge: 'site' })
      await machine.address('site', `${ipv4Of('site', 170 + index)}/24`)
      await bed()
        .machine('target')
        .address('site', `${resourceOf(index)}/24`)
      if (index === 0) await addBridges(machine)
      await bed().make(name, 'sites', { name })
      await bed().resource(`page of ${name}`, `${resourceOf(index)}/32`, [], name)
      const settings = advertised === undefined ? {} : { advertised_addresses: [advertised] }
      await bed().startGateway(name, { site: name, families: 'ipv4', settings })
    }

    before(async function () {
      this.timeout(240_000)
      const home = { inside: '192.168.50.20', outside: '203.0.113.70', translation: 'preserving' } as const
      await Promise.all(GATEWAYS.map((gateway, index) => startGateway(index, gateway)))
      const machine = await makeMachine(CLIENT, GATEWAYS.length, home)
      await machine.resolvConf('nameserver 203.0.113.10\n')
      await bed().startClient(CLIENT, { families: 'ipv4' })
    })
    after(async () => {
      for (const name of [CLIENT, ...GATEWAYS.map((gateway) => gateway.name)]) await bed().stopPart(name)
    })

    for (const [index, { name, title, reachedAt }] of GATEWAYS.entries()) {
      it(title, async () => {
        const seen = await bed().page(`http://${resourceOf(index)}/`, { client: CLIENT })
        expect(seen).to.include({ server: 'target' })
        const { gateways } = await bed().status(CLIENT)
        const gateway = gateways.find((one) => one.name === name)
        expect(gateway).to.include({ path: reachedAt, path_kind: 'nat' })
      })
    }

    it('client ping says by which gateway and path packets go, and how long a connection takes', async () => {
      const target = `${resourceOf(1)}:${WEB_PORT}`
      const args = ['client', 'ping', target, '--json', '--config', join(bed().run.path, `${CLIENT}.yaml`)]
      const { stdout } = await bed()
        .machine(CLIENT)
        .mustRun(process.execPath, portreeve(...args))
      const { gateway, connection, resource } = JSON.parse(stdout) as PingResult
      expect(resource).to.include({ name: 'page of gateway-forwarded', state: 'connected' })
      expect(gateway).to.include({ name: 'gateway-forwarded', path: '203.0.113.72:40000', path_kind: 'nat' })
      expect(gateway?.round_trip_ms).to.be.greaterThan(0)
      expect(connection).to.include({ port: WEB_PORT, outcome: 'answered' })
    })

    it('client diagnose finds nothing wrong on the whole way, and its bundle has no secret of the run', async () => {
      const { path } = bed().run
      const file = join(path, 'bundle.json')
      const config = join(path, `${CLIENT}.yaml`)
      const target = `${resourceOf(2)}:${WEB_PORT}`
      const args = ['client', 'diagnose', target, '--json', '--bundle', file, '--config', config]
      const { code, stdout } = await bed()
        .machine(CLIENT)
        .run(process.execPath, portreeve(...args), { timeoutMs: 30_000 })
      const { findings } = JSON.parse(stdout) as { findings: Finding[] }
      expect(findings.filter(({ state }) => state === 'wrong')).to.deep.equal([])
      expect(code).to.equal(0)
      const parts = ['name', 'portal', 'clock', 'client', 'machine', 'udp', 'names', 'resource', 'path']
      expect(new Set(findings.map(({ part }) => part))).to.include.all.keys(...parts)
      expect(findings.find(({ part }) => part === 'resource')?.said).to.include('gateway-in-office')
      const bundle = await readFile(file, 'utf8')
      const folders = [CLIENT, ...GATEWAYS.map(({ name }) => name)]
      const secrets = [...folders.map((name) => join(path, `${name}.token`)), join(path, CLIENT, 'device-key')]
      for (const secret of secrets) expect(bundle, secret).to.not.include((await readFile(secret, 'utf8')).trim())
      expect(bundle, 'nothing with the form of a key').to.not.match(/[A-Za-z0-9+/]{43}=/)
      expect(bundle).to.include('gateway-in-office')
    })

    it('H11 the addresses of bridges come last among what a gateway offers, and are few', async () => {
      const socket = join(bed().run.path, 'gateway-in-cloud', 'gateway.sock')
      const { reach } = await askGatewayStatus(socket)
      const sources = reach.offers.map(({ source }) => source)
      expect(reach.offers[0]).to.deep.equal({ endpoint: `10.0.1.5:${PORT}`, source: 'interface' })
      expect(sources.indexOf('stun')).to.be.lessThan(sources.indexOf('bridge'))
      expect(sources.filter((source) => source === 'bridge').length).to.equal(4)
      expect(reach.stun).to.deep.equal([
        { server: '203.0.113.10:3478', mapped: `203.0.113.71:${PORT}`, is_answering: true },
      ])
    })
  })
}

const addBridges = async (machine: Namespace): Promise<void> => {
  const lines = Array.from({ length: BRIDGES }, (_, index) => [
    `link add br-${index} type bridge`,
    `link set br-${index} up`,
    `address add 172.17.${index}.1/24 dev br-${index}`,
  ])
  await machine.mustRun('ip', ['-batch', '-'], { input: `${lines.flat().join('\n')}\n` })
}
