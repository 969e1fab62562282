import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { run } from '../../../../../hosts/cli/program.ts'
import { ControlPeer } from '../../../../kit/control-peer.ts'
import { PortalFixture } from '../../../../kit/portal-fixture.ts'

const SUPPOSED = {
  value: '192.0.2.7',
  source: 'question',
  is_proven: false,
  since: '2026-01-05T12:00:00.000Z',
  valid_until: null,
}

describe('POST /api/v1/policies/explain', () => {
  let portal: PortalFixture
  let folder: string
  const ids: Record<string, string> = {}

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'explain-'))
    portal = await PortalFixture.start()
    const make = async (name: string, path: string, body: object) => {
      ids[name] = ((await portal.create(path, body)) as { id: string }).id
    }
    await make('site', '/sites', { name: 'Berlin' })
    await make('staff', '/groups', { name: 'Staff' })
    await make('ada', '/actors', { name: 'Ada', email: 'ada@example.org' })
    await portal.api('PUT', `/groups/${ids['staff']}/memberships`, { actor_ids: [ids['ada']] })
    const filters = [{ protocol: 'tcp', ports: ['443'] }]
    const gitlab = { name: 'GitLab', type: 'dns', address: 'gitlab.example.org', site_id: ids['site'], filters }
    await make('gitlab', '/resources', gitlab)
    await make('policy', '/policies', {
      group_id: ids['staff'],
      resource_id: ids['gitlab'],
      description: 'from the office',
      conditions: [{ condition: 'remote-ip', settings: { ranges: ['192.0.2.0/24'] } }],
    })
  })
  after(async () => {
    await portal.stop()
    await rm(folder, { recursive: true })
  })

  const explain = (body: object) => portal.api('POST', '/policies/explain', body)
  const ask = { actor: 'ada@example.org', resource: 'gitlab.example.org' }

  it('P8 explain finds a service account by its name, however it is written, where no other has it', async () => {
    const robot = (await portal.create('/actors', { name: 'Build Robot', type: 'service_account' })) as { id: string }
    for (const actor of ['Build Robot', ' build robot ', robot.id]) {
      const { status, body } = await explain({ ...ask, actor })
      expect(status, actor).to.equal(200)
      expect(body.actor, actor).to.deep.equal({ id: robot.id, name: 'Build Robot' })
    }
    expect((await explain({ ...ask, actor: 'Ada' })).status, 'people have addresses').not.to.equal(200)
    const twin = (await portal.create('/actors', { name: 'build robot', type: 'service_account' })) as { id: string }
    expect((await explain({ ...ask, actor: 'Build Robot' })).status, 'two of one name').not.to.equal(200)
    await portal.api('DELETE', `/actors/${twin.id}`)
  })

  it('P8 explain names no policy by its id in the text', async () => {
    const wiki = { name: 'Wiki', type: 'dns', address: 'wiki.example.org', site_id: ids['site'] }
    const { id: resource_id } = (await portal.create('/resources', wiki)) as { id: string }
    await portal.create('/policies', { group_id: ids['staff'], resource_id })
    for (const resource of ['wiki.example.org', 'gitlab.example.org']) {
      const { body } = await explain({ ...ask, resource })
      expect(body.text.join('\n'), resource).not.to.match(/[0-9a-f]{8}-[0-9a-f]{4}-/)
    }
    expect((await explain({ ...ask, resource: 'Wiki' })).body.text.join('\n')).to.include(
      'the unnamed policy for Staff',
    )
  })

  it('P8 explain takes ids, e-mail address, name and address', async () => {
    const { status, body } = await explain({ ...ask, port: 443, remote_ip: '192.0.2.7', at: '2026-01-05T12:00:00Z' })
    expect(status).to.equal(200)
    expect(body).to.deep.include({
      is_allowed: true,
      denied: null,
      policy_id: ids['policy'],
      until: null,
      at: '2026-01-05T12:00:00.000Z',
      actor: { id: ids['ada'], name: 'Ada' },
      resource: { id: ids['gitlab'], name: 'GitLab' },
      site: { id: ids['site'], name: 'Berlin' },
      groups: [{ id: ids['staff'], name: 'Staff' }],
      facts: [{ name: 'client.address', ...SUPPOSED }],
      unknown_facts: ['sign_in.provider_id', 'device.is_verified'],
      filter: { protocol: 'tcp', port: 443, is_permitted: true },
      gateway: null,
    })
    expect(body.policies[0]).to.deep.include({ id: ids['policy'], outcome: 'conforms', mode: 'enforced' })
    expect(body.policies[0].conditions[0]).to.deep.include({
      condition: 'remote-ip',
      judged_by: 'condition-remote-ip 0.1.0-test',
      facts: { 'client.address': SUPPOSED },
      holds: true,
    })
    const byId = await explain({ actor: ids['ada'], resource: ids['gitlab'], remote_ip: '198.51.100.1' })
    expect(byId.body).to.deep.include({ is_allowed: false, denied: 'forbidden' })
    expect((await explain({ ...ask, resource: 'GitLab', port: 22, remote_ip: '192.0.2.7' })).body).to.deep.include({
      is_allowed: false,
      denied: 'filtered',
    })
  })

  it('explain says what it does not know, and what makes no sense', async () => {
    for (const [wrong, path] of [
      [{ ...ask, actor: 'eve@example.org' }, 'actor'],
      [{ ...ask, resource: 'nowhere.example.net' }, 'resource'],
      [{ ...ask, client_id: ids['ada'] }, 'client_id'],
      [{ ...ask, remote_ip: '192.0.2' }, 'remote_ip'],
      [{ ...ask, protocol: 'icmp', port: 1 }, 'port'],
      [{ ...ask, port: 0 }, 'port'],
      [{ ...ask, at: 'tomorrow' }, 'at'],
    ] as const) {
      const { status, body } = await explain(wrong)
      expect(status, JSON.stringify(wrong)).to.equal(422)
      expect(body.errors[0].path).to.equal(path)
    }
  })

  it('explain knows nothing of another account', async () => {
    const other = await portal.addAccount('elsewhere')
    const foreign = { actor: ids['ada'], resource: ids['gitlab'] }
    expect((await portal.api('POST', '/policies/explain', foreign, other.token)).status).to.equal(422)
    const own = { actor: other.admin.id, resource: ids['gitlab'] }
    expect((await portal.api('POST', '/policies/explain', own, other.token)).body.errors[0].path).to.equal('resource')
  })

  it('M4 a gateway that cannot forward stands in explanations and in /metrics, by the code of its problem', async () => {
    const site = await portal.create('/sites', { name: 'Potsdam' })
    const mail = { name: 'Mail', type: 'dns', address: 'mail.example.org', site_id: site.id }
    const about = { ...ask, resource: (await portal.create('/resources', mail)).id }
    const token = (await portal.create(`/sites/${site.id}/gateway_tokens`)).token as string
    const { peer } = await ControlPeer.join({ url: portal.url, role: 'gateway', token, name: 'Alexanderplatz' })
    const figures = async () => (await (await fetch(`${portal.url}/metrics`)).text()).split('\n')
    try {
      const problem = { code: 'forward_drop', said: 'a firewall drops packets' }
      peer.send('host_problems', { problems: [problem] })
      await peer.settled()
      const [blocked] = (await explain(about)).body.gateways
      expect(blocked).to.deep.include({ name: 'Alexanderplatz', problems: [problem], is_recovering: false })
      expect(await figures()).to.include('portreeve_portal_gateway_problems{code="forward_drop"} 1')
      peer.send('host_problems', { problems: [] })
      await peer.settled()
      expect((await explain(about)).body.gateways[0]).to.deep.include({ problems: [], is_recovering: false })
      expect(await figures()).to.include('portreeve_portal_gateway_problems{code="forward_drop"} 0')
    } finally {
      peer.close()
    }
  })

  describe('POST /api/v1/policies/simulate', () => {
    const simulate = (body: object, token?: string) => portal.api('POST', '/policies/simulate', body, token)

    it('simulate says who would gain or lose access by proposals, one after the other, and changes nothing', async () => {
      const office = { remote_ip: '192.0.2.7' }
      const removal = await simulate({ changes: [{ change: 'remove_policy', id: ids['policy'] }], ...office })
      expect(removal.body).to.deep.equal({
        data: [
          {
            effect: 'loses',
            actor: { id: ids['ada'], name: 'Ada', email: 'ada@example.org' },
            resource: { id: ids['gitlab'], name: 'GitLab' },
            before: 'allowed',
            after: 'none',
            why: 'no policy leads there',
          },
        ],
        kept: 0,
        examined: 1,
        concerned: 1,
        next_cursor: null,
      })
      const policy = { group_id: ids['staff'], resource_id: ids['gitlab'] }
      const both = [
        { change: 'remove_policy', id: ids['policy'] },
        { change: 'create_policy', policy },
      ]
      expect((await simulate({ changes: both, ...office })).body.data).to.deep.equal([])
      expect((await simulate({ changes: both })).body.data[0]).to.include({ effect: 'gains', before: 'denied' })
      const shadow = [both[0], { change: 'create_policy', policy: { ...policy, mode: 'shadow' } }]
      expect((await simulate({ changes: shadow, ...office })).body.data[0]).to.include({ effect: 'loses' })
      const stricter = { filters: [{ protocol: 'udp', ports: [] }] }
      const narrowed = [{ change: 'update_resource', id: ids['gitlab'], resource: stricter }]
      expect((await simulate({ changes: narrowed, ...office })).body.data[0]).to.include({ effect: 'changes' })
      const left = [{ change: 'remove_membership', group_id: ids['staff'], actor_id: ids['ada'] }]
      expect((await simulate({ changes: left, ...office })).body.data[0]).to.include({ effect: 'loses' })
      expect((await portal.api('GET', `/policies/${ids['policy']}`)).status).to.equal(200)
    })

    it('simulate refuses proposals that make no sense, and those about another account', async () => {
      const wrong = [
        [{ change: 'remove_policy', id: ids['ada'] }, 'changes[0].id'],
        [{ change: 'remove_membership', group_id: ids['staff'], actor_id: portal.admin.id }, 'changes[0]'],
        [
          { change: 'create_policy', policy: { group_id: ids['ada'], resource_id: ids['gitlab'] } },
          'changes[0].policy.group_id',
        ],
      ] as const
      for (const [proposal, path] of wrong) {
        const { status, body } = await simulate({ changes: [proposal] })
        expect(status).to.equal(422)
        expect(body.errors[0].path).to.equal(path)
      }
      const other = await portal.addAccount('foreign')
      expect(
        (await simulate({ changes: [{ change: 'remove_policy', id: ids['policy'] }] }, other.token)).status,
      ).to.equal(422)
    })

    it('simulate is a command too', async () => {
      const env = { PORTREEVE_PORTAL_URL: portal.url, PORTREEVE_TOKEN: portal.token }
      let printed = ''
      const output = {
        print: (text: string) => void (printed += text),
        json: () => undefined,
        tell: (text: string) => void (printed += text),
      }
      const args = ['simulate', '--disable-policy', ids['policy'] ?? '', '--from', '192.0.2.7']
      expect(await run(args, { env, output })).to.equal(0)
      expect(printed).to.match(/loses +ada@example\.org +GitLab/)
      expect(await run(['simulate'], { env: {}, output })).to.equal(2)
    })
  })

  describe('portreeve explain', () => {
    const portreeve = async (args: string[], env: NodeJS.ProcessEnv) => {
      const said = { printed: '', told: '' }
      const output = {
        print: (text: string) => void (said.printed += text),
        json: (value: unknown) => void (said.printed += JSON.stringify(value)),
        tell: (text: string) => void (said.told += text),
      }
      const code = await run(['explain', '--actor', 'ada@example.org', '--resource', 'gitlab.example.org', ...args], {
        env,
        output,
      })
      return { code, ...said }
    }
    const env = (): NodeJS.ProcessEnv => ({ PORTREEVE_PORTAL_URL: portal.url, PORTREEVE_TOKEN: portal.token })

    it('P8 portreeve explain prints sentences, and ends with 0 where access would be granted and 6 where not', async () => {
      const granted = await portreeve(['--port', '443', '--from', '192.0.2.7'], env())
      expect(granted.told).to.equal('')
      expect(granted.code).to.equal(0)
      expect(granted.printed).to.match(
        /^Ada \(ada@example\.org\) asks for GitLab \(gitlab\.example\.org\), TCP port 443, from 192\.0\.2\.7, at /,
      )
      expect(granted.printed).to.include('Access is granted by the policy “from the office” for Staff')
      expect(granted.printed).to.include('remote-ip holds: the address is in 192.0.2.0/24')
      expect(granted.printed).to.include('The site Berlin has no gateway.')
      const denied = await portreeve(['--json', '--from', '198.51.100.1'], env())
      expect(denied.code).to.equal(6)
      expect(JSON.parse(denied.printed)).to.include({ is_allowed: false, denied: 'forbidden' })
    })

    it('portreeve explain takes the token from a file that nobody else reads, and the portal from the command', async () => {
      const file = join(folder, 'token')
      await writeFile(file, portal.token, { mode: 0o600 })
      const args = ['--from', '192.0.2.7', '--portal', `${portal.url}/`, '--token-file', file]
      expect((await portreeve(args, {})).code).to.equal(0)
      await chmod(file, 0o644)
      expect((await portreeve(args, {})).told).to.include('SECRET_FILE_MODE')
    })

    it('portreeve explain says what is missing or wrong, without the token', async () => {
      expect(await portreeve([], { PORTREEVE_TOKEN: 'x' })).to.include({ code: 2 })
      expect(await portreeve([], { PORTREEVE_PORTAL_URL: portal.url })).to.include({ code: 3 })
      const refused = await portreeve([], { ...env(), PORTREEVE_TOKEN: 'wrong.token' })
      expect(refused).to.include({ code: 3 })
      expect(refused.told)
        .to.match(/PORTAL_TOKEN_REFUSED: the portal answers 401/)
        .and.not.include('wrong.token')
      const gone = await portreeve([], { ...env(), PORTREEVE_PORTAL_URL: 'http://127.0.0.1:2' })
      expect(gone).to.include({ code: 4 })
      expect(gone.told).to.match(/http:\/\/127\.0\.0\.1:2: there is no connection: .*ECONNREFUSED/)
      expect((await portreeve(['--port', '99999'], env())).code).to.equal(2)
      expect((await portreeve(['--client', 'abc'], env())).told).to.include('client_id')
    })
  })
})
