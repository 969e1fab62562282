import { allow, clientConnected, directAccess, gatewaysConnected } from './setting-up.ts'
import type { Step } from './step.ts'
import { ADMIN_PORT, GATEWAYS, MACHINES, SITE_NAMES, UPSTREAM_NAMES, WEB_PORT } from './topology.ts'
import { expectThat, isMapped, type World } from './world.ts'

const GITLAB = 'gitlab.example.org'
const JENKINS = 'jenkins.example.org'
/** Time within which a client must use the other gateway after one was killed. */
const FAILOVER_DEADLINE_MS = 10_000

/** Steps of the story with a connected client: access, filters, denials, failover, stop and restart. */
export const ACCESS: readonly Step<World>[] = [
  {
    name: 'D1 a name is resolved to 100.96.0.0/11, the same on every query',
    run: async (world) => {
      const first = await world.resolvesTo(GITLAB, isMapped)
      const again = await world.resolve(GITLAB)
      expectThat(String([...first].sort()) === String([...again].sort()), `then ${again.join(' ')}`)
      expectThat(!first.includes(SITE_NAMES[GITLAB]), 'the real address is shown')
      return `${GITLAB}: ${first.join(' ')} (upstream would say ${UPSTREAM_NAMES[GITLAB]})`
    },
  },
  {
    name: 'the page of the first name comes through the tunnel',
    run: async (world) => {
      const seen = await world.page(`http://${GITLAB}/`)
      expectThat(seen.host === GITLAB && seen.server === 'web', `it is the page of ${seen.server} for ${seen.host}`)
      return `${seen.host} on ${seen.address}, ${seen.ms} ms with connection set-up; the server saw ${world.gatewayAt(seen.from)}`
    },
  },
  {
    name: 'P10 the second name is unknown before its policy exists: it goes upstream',
    run: async (world) => {
      const addresses = await world.resolve(JENKINS)
      expectThat(String(addresses) === UPSTREAM_NAMES[JENKINS], `it is ${addresses.join(' ') || 'unknown'}`)
      const query = `query[A] ${JENKINS} from ${MACHINES.client.outside}`
      await world.lab.part('upstream').line((line) => line.includes(query), { timeoutMs: 2_000 })
      const { resources } = await world.clientStatus()
      expectThat(!resources.some(({ address }) => address === JENKINS), 'the client was told of it')
      return `${JENKINS}: ${addresses.join(' ')} by the upstream server, which saw the query`
    },
  },
  {
    name: 'a policy for it, and its page comes from the same address',
    run: async (world) => {
      await allow(world, 'jenkins')
      const began = performance.now()
      const mapped = await world.resolvesTo(JENKINS, isMapped)
      const known = Math.round(performance.now() - began)
      const [first, second] = [await world.page(`http://${GITLAB}/`), await world.page(`http://${JENKINS}/`)]
      expectThat(second.host === JENKINS, `it is the page for ${second.host}`)
      expectThat(first.address === second.address, `they are on ${first.address} and ${second.address}`)
      return `known after ${known} ms as ${mapped[0] ?? ''}; ${first.host} and ${second.host} are both on ${second.address}`
    },
  },
  {
    name: 'T2 a CIDR resource is reached at its own address, and sees the gateway',
    run: async (world) => {
      const seen = await world.page(`http://${MACHINES.files.site}/`)
      expectThat(
        seen.server === 'files' && seen.address === MACHINES.files.site,
        `it is ${seen.server} at ${seen.address}`,
      )
      return `${seen.address}, ${seen.ms} ms; the server saw ${world.gatewayAt(seen.from)} (${seen.from})`
    },
  },
  {
    name: 'T4 a port that the filter refuses is refused at once',
    run: async (world) => {
      const refused = await world.connect(GITLAB, ADMIN_PORT)
      expectThat(refused.outcome === 'EHOSTUNREACH', `it ended with ${refused.outcome} after ${refused.ms} ms`)
      expectThat(refused.ms < 2_000, `it took ${refused.ms} ms`)
      expectThat(!world.lab.part('web').output.includes(`on ${ADMIN_PORT} from`), 'the server saw the request')
      await world.page(`http://${GITLAB}/`)
      return `port ${ADMIN_PORT}: ${refused.outcome} after ${refused.ms} ms, without the server; port ${WEB_PORT} goes on`
    },
  },
  {
    name: 'P6 the policy is removed, and access is gone',
    run: async (world) => {
      const reach = await world.reach(JENKINS)
      await reach.next(({ from }) => from !== null, { timeoutMs: 5_000 })
      const removing = Date.now()
      await world.api.remove(`policies/${world.id('policy for jenkins')}`)
      const { beganAt } = await reach.next(({ from }) => from === null, { timeoutMs: 10_000 })
      await world.resolvesTo(JENKINS, (address) => !isMapped(address))
      await world.page(`http://${GITLAB}/`)
      await reach.end()
      return `the first page of ${JENKINS} that failed was asked for ${beganAt - removing} ms after the removal began; the name goes upstream again, ${GITLAB} goes on`
    },
  },
  {
    name: 'P8 a denial is explained, to the person and to the admin',
    run: async (world) => {
      await world.make('bound policy for jenkins', 'policies', {
        group_id: world.id('engineers'),
        resource_id: world.id('jenkins'),
        description: 'from the office',
        conditions: [{ condition: 'remote-ip', settings: { operator: 'in', ranges: ['198.51.100.0/24'] } }],
      })
      await world.resolvesTo(JENKINS, isMapped)
      const refused = await world.fetch(`http://${JENKINS}/`, { timeoutMs: 5_000 })
      expectThat(!refused.ok, 'the page came all the same')
      const { resources } = await world.clientStatus()
      const { why = [] } = resources.find(({ address }) => address === JENKINS) ?? {}
      expectThat(
        why.some((line) => line.includes('is not in the ranges that this policy allows')),
        `the client says: ${why.join(' ') || 'nothing'}`,
      )
      const about = ['--actor', 'ada@example.org', '--resource', JENKINS, '--port', String(WEB_PORT)]
      const here = await world.administer('explain', ...about, '--from', MACHINES.client.outside)
      const office = await world.administer('explain', ...about, '--from', '198.51.100.7')
      expectThat(here.code === 6 && here.stdout.includes('remote-ip does not hold'), `${here.stdout}${here.stderr}`)
      expectThat(
        office.code === 0 && /The gateway would be gateway-[12]/.test(office.stdout),
        `${office.stdout}${office.stderr}`,
      )
      await world.api.remove(`policies/${world.id('bound policy for jenkins')}`)
      await world.resolvesTo(JENKINS, (address) => !isMapped(address))
      return `the client says:\n${why.join('\n')}\nportreeve explain says:\n${here.stdout.trim()}`
    },
  },
  {
    name: 'H2 the gateway is killed, and the client is on the other one',
    run: async (world) => {
      const reach = await world.reach(GITLAB)
      const before = await reach.next(({ from }) => from !== null, { timeoutMs: 5_000 })
      const killed = world.gatewayAt(before.from ?? '')
      // An application that only waits for data, and writes nothing.
      const [address = ''] = await world.resolve(GITLAB)
      const waits = `exec 3<>/dev/tcp/${address}/80; echo open; read -ru 3; echo told`
      const idle = world.lab.machines.client.spawn('bash', ['-c', waits], { name: 'idle connection' })
      await idle.line((line) => line === 'open')
      const at = Date.now()
      await world.lab.killPart(killed)
      const after = await reach.next(({ from, beganAt }) => from !== null && beganAt > at && from !== before.from, {
        timeoutMs: FAILOVER_DEADLINE_MS,
      })
      const other = world.gatewayAt(after.from ?? '')
      await idle.line((line) => line === 'told', { timeoutMs: FAILOVER_DEADLINE_MS })
      expectThat(idle.output.includes('reset'), `the idle connection was not reset: ${idle.output}`)
      await reach.end()
      await world.page(`http://${MACHINES.files.site}/`)
      return `${killed} by SIGKILL; the first page by ${other} was asked for ${after.beganAt - at} ms later; a connection that waited was reset`
    },
  },
  {
    name: 'a gateway that starts again connects',
    run: async (world) => {
      const stopped = GATEWAYS.find((name) => !world.lab.part(name).isRunning)
      if (stopped === undefined) throw new Error('none was stopped')
      await world.lab.startGateway(stopped)
      await gatewaysConnected(world)
      return stopped
    },
  },
  {
    name: 'D8 client down leaves the system as it was, and client up connects again',
    run: async (world) => {
      const { client } = world.lab.machines
      // The client may end before the command that asks it to.
      await Promise.all([world.lab.endPart('client', { ask: false }), world.portreeve('client', 'down')])
      const { stdout: resolver } = await client.mustRun('cat', ['/etc/resolv.conf'])
      expectThat(resolver === `nameserver ${MACHINES.client.dns}\n`, `resolv.conf is ${resolver}`)
      const [links, rules] = [await client.ip(['-br', 'link']), await client.ip(['rule'])]
      expectThat(!links.includes('tun'), `devices: ${links}`)
      expectThat(!rules.includes('fwmark'), `rules: ${rules}`)
      expectThat(String(await world.resolve(GITLAB)) === UPSTREAM_NAMES[GITLAB], 'the name is still mapped')
      await world.lab.startClient()
      await clientConnected(world)
      const seen = await world.page(`http://${GITLAB}/`)
      return `resolver, devices and rules were as before; then a page by ${world.gatewayAt(seen.from)} after ${seen.ms} ms`
    },
  },
  {
    name: 'direct access was impossible throughout',
    run: async ({ watch }) => {
      const { attempts, successes } = await directAccess(watch)
      expectThat(successes.length === 0, successes.join(', '))
      expectThat(attempts > 10, `only ${attempts} attempts were made`)
      return `${attempts} attempts, none got through`
    },
  },
  {
    name: 'T7 no machine received a packet with a wrong checksum',
    run: async ({ lab }) => {
      const wrong = await lab.run.checksumErrors()
      expectThat(wrong.length === 0, wrong.join(', '))
      return `nstat says TcpInCsumErrors 0 on ${Object.keys(lab.machines).length} machines, and of other protocols too`
    },
  },
]
