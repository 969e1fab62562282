import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { ControlPeer } from '../../kit/control-peer.ts'
import { PackageFolder } from '../../kit/package-folder.ts'
import { PortalFixture } from '../../kit/portal-fixture.ts'
import { VirtualClock } from '../../kit/virtual-clock.ts'

const NAME = 'portreeve-isolated'

/** Source of a plugin whose condition and selector do what their settings say. A blocked one goes on when a file is there. */
const SOURCE = `
import { existsSync } from 'node:fs'
import { isMainThread } from 'node:worker_threads'
import { definePlugin, fact, Facts, FactSources, GatewaySelectors, Logger, Metrics, optional, PolicyConditions, z } from 'portreeve'
const settings = z.strictObject({ does: z.string() })
const where = isMainThread ? 'the host' : 'a thread'
const deeds = {
  holds: () => ({ holds: true, reason: 'it runs in ' + where }),
  denies: () => ({ holds: false, reason: 'it does not hold', told: 'not today', [Symbol('x')]: 1, again: () => 1 }),
  blocks: ({ file }) => { while (!existsSync(file)); return deeds.holds() },
  throws: () => { throw new Error('it is broken') },
  exits: () => process.exit(3),
  promises: () => Promise.reject(new Error('later')),
  team: ({ team }) => ({ holds: team?.value === 'red', reason: 'the team is ' + team?.value }),
}
const Team = fact('isolated.team', z.string(), { by: Facts.actor.email })
export const plugin = definePlugin({
  name: 'isolated',
  api: 1,
  version: '1.0.0',
  config: z.strictObject({ file: z.string() }),
  setup({ config: { file }, provide }) {
    provide(PolicyConditions, 'deed', { settings, facts: { team: optional(Team) }, needs: { logger: Logger, metrics: Metrics }, create: ({ logger, metrics }) => ({
      evaluate: ({ settings: { does }, facts }) => {
        metrics.count('asked', { deed: does })
        logger.info({ deed: does, error: new Error('not really'), odd: () => 1 }, 'a deed is done')
        return deeds[does]({ ...facts, file })
      },
    }) })
    provide(GatewaySelectors, 'deed', { settings, create: () => ({
      select: ({ settings: { does }, candidates }) => {
        deeds[does]({ file })
        return { gatewayId: candidates.at(-1).id, reason: 'the last one, says ' + where }
      },
    }) })
    provide(FactSources, 'team', { fact: Team, everyMs: 3_600_000, goodForMs: 7_200_000, create: () => ({
      refresh: async () => ({ values: { 'ada@example.org': 'red' } }),
    }) })
  },
})
`

const DEEDS = ['holds', 'team', 'denies', 'throws', 'promises', 'exits', 'blocks']

/** Source of a plugin that answers at once, in a thread of its own. */
const OTHER = `
import { definePlugin, PolicyConditions } from 'portreeve'
export const plugin = definePlugin({ name: 'quick', api: 1, setup({ provide }) {
  provide(PolicyConditions, 'quick', { create: () => ({ evaluate: () => ({ holds: true, reason: 'quick' }) }) })
} })
`

/** A portal with both plugins in threads, one person who may have a resource for each deed, a client and a gateway. */
class IsolatedWorld {
  readonly resources = new Map<string, { id: string }>()

  private constructor(
    readonly portal: PortalFixture,
    readonly client: ControlPeer,
    readonly gateway: ControlPeer,
  ) {}

  static async start(
    folder: PackageFolder,
    {
      selector,
      file,
      names,
      ...ports
    }: { selector: string; file: string; names: readonly string[]; clock?: VirtualClock; questionMs?: number },
  ): Promise<IsolatedWorld> {
    const portal = await PortalFixture.start({
      ...ports,
      configFile: folder.configFile,
      config: {
        plugins: [
          { use: 'builtin:selector-random' },
          { use: NAME, isolation: 'worker', config: { file } },
          { use: 'portreeve-quick', isolation: 'worker' },
        ],
      },
    })
    const settings = selector === 'deed' ? { does: 'holds' } : {}
    const site = await portal.create('/sites', { name: 'Main', selector, selector_settings: settings })
    const group = await portal.create('/groups', { name: 'Staff' })
    const ada = await portal.create('/actors', { name: 'Ada', email: 'ada@example.org' })
    await portal.api('PUT', `/groups/${group.id}/memberships`, { actor_ids: [ada.id] })
    const token = (await portal.create(`/actors/${ada.id}/client_tokens`, { name: 'laptop' })).token
    const siteToken = (await portal.create(`/sites/${site.id}/gateway_tokens`)).token
    const { peer: gateway } = await ControlPeer.join({ url: portal.url, role: 'gateway', token: siteToken })
    const { peer: client } = await ControlPeer.join({ url: portal.url, role: 'client', token })
    const world = new IsolatedWorld(portal, client, gateway)
    for (const name of names) {
      const address = `${name}.example.org`
      const resource = await portal.create('/resources', { name, type: 'dns', address, site_id: site.id })
      world.resources.set(name, resource)
      const deed = { condition: 'deed', settings: { does: name } }
      const conditions = name === 'quick' ? [{ condition: 'quick', settings: {} }] : name === 'none' ? [] : [deed]
      await portal.create('/policies', { group_id: group.id, resource_id: resource.id, conditions })
    }
    return world
  }

  ask(name: string): void {
    const resource_id = this.resources.get(name)?.id
    this.client.send('request_authorization', { resource_id, connected_gateway_ids: [] })
  }

  /** Lets the gateway acknowledge the next grant, and returns the id of the resource that the client is told of. */
  async granted(): Promise<unknown> {
    const { payload } = await this.gateway.next('create_authorization')
    this.gateway.send('authorization_created', { ref: payload.ref })
    return (await this.client.next('authorization_created')).payload.resource_id
  }

  async refused(): Promise<unknown> {
    return (await this.client.next('authorization_creation_failed')).payload.resource_id
  }

  /** Lines of an explanation about conditions and the gateway. */
  async explained(resource: string): Promise<string> {
    const { body } = await this.portal.api('POST', '/policies/explain', { actor: 'ada@example.org', resource })
    return (body.text as string[]).join('\n')
  }

  async stop(): Promise<void> {
    this.client.close()
    this.gateway.close()
    await this.portal.stop()
  }
}

describe('X2 plugins in threads of their own', function () {
  this.timeout(120_000)
  const folder = new PackageFolder()
  const write = (name: string, source: string): void => {
    const module = join(folder.path, 'node_modules', name)
    mkdirSync(module)
    writeFileSync(
      join(module, 'package.json'),
      JSON.stringify({ name, version: '1.0.0', type: 'module', main: 'index.js' }),
    )
    writeFileSync(join(module, 'index.js'), source)
  }
  before(() => {
    folder.linkPeers()
    write(NAME, SOURCE)
    write('portreeve-quick', OTHER)
  })
  after(() => folder.remove())

  describe('with the time limit of the product', () => {
    let world: IsolatedWorld
    before(
      async () =>
        (world = await IsolatedWorld.start(folder, {
          selector: 'deed',
          file: join(folder.path, 'never'),
          names: [...DEEDS, 'quick'],
        })),
    )
    after(async () => world.stop())

    it('decide about access, by facts that one of them brings, and choose the gateway', async () => {
      for (const name of ['holds', 'team']) {
        world.ask(name)
        expect(await world.granted()).to.equal(world.resources.get(name)?.id)
      }
      expect(await world.explained('holds')).to.include('deed holds: it runs in a thread (isolated 1.0.0).')
      expect(await world.explained('quick')).to.include('chosen because it is the last one, says a thread.')
    })

    it('deny what they deny, fail at, end their thread over, or do not answer in time, and are there again', async () => {
      for (const name of ['denies', 'throws', 'promises', 'exits', 'blocks', 'holds']) {
        // An explanation waits for a thread that is being started, however busy the machine is; a request only for so long.
        expect(await world.explained('holds')).to.include('deed holds')
        world.ask(name)
        if (name === 'holds') expect(await world.granted()).to.equal(world.resources.get(name)?.id)
        else expect(await world.refused(), name).to.equal(world.resources.get(name)?.id)
      }
      const failures = world.portal.logger.lines.filter(({ level }) => level === 'warn').map(({ fields }) => fields)
      expect(failures.map(({ plugin, reason }) => [plugin, reason])).to.deep.include.members([
        ['isolated', 'Error: it is broken'],
        ['isolated', 'Error: it ended its thread with the code 3'],
      ])
      expect(failures[0]?.['stack']).to.include(`${NAME}/index.js`)
    })

    it('are explained with what they say, or why they say nothing', async () => {
      expect(await world.explained('denies')).to.include('deed does not hold: it does not hold (isolated 1.0.0).')
      expect(await world.explained('throws')).to.include('deed does not hold: it failed: Error: it is broken')
      expect(await world.explained('promises')).to.include('it failed: Error: it answered with a promise')
      expect(await world.explained('blocks')).to.include('it failed: Error: it has not answered in 250 ms')
    })

    it('have a logger and metrics, which are the host’s', async () => {
      const [line] = world.portal.logger.lines.filter(({ message }) => message === 'a deed is done')
      expect(line?.fields).to.include({ plugin: 'isolated', deed: 'holds' })
      const metrics = await (await fetch(`${world.portal.url}/metrics`)).text()
      expect(metrics).to.match(/portreeve_plugin_asked_total\{deed="holds",plugin="isolated"\} [1-9]/)
      expect(metrics).to.match(/plugin_calls_total\{point="condition",key="deed",outcome="slow"\} [1-9]/)
    })
  })

  it('a condition that blocks costs nobody else anything: others are granted access, and pages are served, meanwhile', async () => {
    const file = join(folder.path, 'go-on')
    // Neither a real time limit nor the machine's ends the blocked question before the test does.
    const world = await IsolatedWorld.start(folder, {
      selector: 'random',
      file,
      names: ['blocks', 'quick', 'none'],
      clock: new VirtualClock(),
      questionMs: 600_000,
    })
    try {
      const begun = world.portal.logger.next(/a deed is done/)
      world.ask('blocks')
      expect((await begun).fields['deed']).to.equal('blocks')
      for (const name of ['quick', 'none']) {
        world.ask(name)
        expect(await world.granted()).to.equal(world.resources.get(name)?.id)
      }
      expect((await fetch(`${world.portal.url}/healthz`)).status).to.equal(200)
      expect((await world.portal.api('GET', '/policies')).status).to.equal(200)
      expect(await world.explained('quick')).to.include('quick holds')
      writeFileSync(file, '')
      expect(await world.granted()).to.equal(world.resources.get('blocks')?.id)
    } finally {
      writeFileSync(file, '')
      await world.stop()
    }
  })
})
