import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { PortalFixture, type ApiAnswer } from '../../../../kit/portal-fixture.ts'

const FILE = {
  sites: [{ name: 'Berlin' }, { name: 'Oslo', selector: 'random' }],
  resources: [
    {
      name: 'wiki',
      type: 'dns',
      address: 'wiki.example.org',
      site: 'Berlin',
      filters: [{ protocol: 'tcp', ports: ['443'] }],
    },
    { name: 'lab', type: 'cidr', address: '10.1.0.0/16', site: 'Oslo' },
  ],
  actors: [
    { name: 'Ada', email: 'ada@example.org' },
    { name: 'Grace', email: 'grace@example.org' },
    { name: 'robot', type: 'service_account' },
  ],
  groups: [
    { name: 'Engineers', members: ['ada@example.org', 'robot'] },
    { name: 'Everybody', members: ['ada@example.org', 'Grace'] },
  ],
  providers: [
    {
      name: 'Company',
      type: 'oidc',
      settings: { issuer: 'https://id.example.org', client_id: 'portreeve', client_secret: 'hush-hush' },
    },
  ],
  policies: [
    { group: 'Engineers', resource: 'wiki' },
    {
      group: 'Everybody',
      resource: 'lab',
      conditions: [{ condition: 'remote-ip', settings: { ranges: ['192.0.2.0/24'] } }],
    },
  ],
} as const

const TESTS = [
  { expect: 'ada@example.org can reach wiki:443' },
  { expect: 'robot can reach wiki.example.org:443/tcp' },
  { expect: 'ada@example.org cannot reach wiki:22' },
  { expect: 'grace cannot reach wiki:443' },
  { expect: 'Grace can reach 10.1.2.3:22', remote_ip: '192.0.2.7' },
  { expect: 'Grace cannot reach 10.1.2.3:22', remote_ip: '198.51.100.7' },
]

describe('the access file of an account', () => {
  let portal: PortalFixture

  before(async () => {
    portal = await PortalFixture.start()
  })
  after(async () => portal.stop())

  let accounts = 0
  /** Makes an empty account, with functions that write its access file and call its API. */
  const account = async () => {
    const { token } = await portal.addAccount(`account-${++accounts}`)
    const api = async (method: string, path: string, body?: unknown, by = token): Promise<ApiAnswer> =>
      portal.api(method, path, body, by)
    const write = async (file: unknown, query = '', by = token): Promise<ApiAnswer> =>
      api('POST', `/access_file${query}`, file, by)
    const names = async (kind: string): Promise<string[]> =>
      (await api('GET', `/${kind}?sort=name`)).body.data.map(({ name }: { name: string }) => name)
    return { token, api, write, names }
  }
  const done = (answer: ApiAnswer): ApiAnswer['body'] => {
    expect(answer.status, JSON.stringify(answer.body)).to.equal(200)
    return answer.body
  }

  it('an access file makes an account what it says, and says what changes and who gains access before', async () => {
    const { write, names } = await account()
    const dry = done(await write({ ...FILE, tests: TESTS }, '?dry_run=true'))
    expect(dry.is_dry_run).to.equal(true)
    expect(dry.access.pairs).to.deep.include({
      effect: 'gains',
      actor: 'ada@example.org',
      resource: 'wiki',
      why: 'a policy without conditions',
    })
    expect(dry.tests.map(({ holds }: { holds: boolean }) => holds)).to.deep.equal(TESTS.map(() => true))
    expect(await names('sites')).to.deep.equal([])
    const made = done(await write({ ...FILE, tests: TESTS }))
    expect(made.changes).to.deep.equal(dry.changes)
    expect(made.changes).to.have.length(2 + 2 + 3 + 2 + 4 + 1 + 2)
    expect(made.changes.find(({ kind }: { kind: string }) => kind === 'policies')).to.deep.include({
      action: 'created',
      name: 'Engineers to wiki',
    })
    expect(await names('resources')).to.deep.equal(['lab', 'wiki'])
    const again = done(await write({ ...FILE, tests: TESTS }))
    expect(again.changes).to.deep.equal([])
  })

  it('no secret of an access file stands in an answer, in a refusal or in an export', async () => {
    const { write, api } = await account()
    const answers = [await write(FILE, '?dry_run=true'), await write(FILE), await api('GET', '/access_file')]
    const other = structuredClone(FILE.providers[0]) as { settings: Record<string, unknown> }
    other.settings['client_secret'] = 'hush-hush too'
    const changed = done(await write({ providers: [other] }))
    expect(changed.changes[0].after.settings.client_secret).to.equal('[secret, changed]')
    other.settings['nonsense'] = 'hush-hush'
    const refused = await write({ providers: [other] })
    expect(refused.status).to.equal(422)
    for (const { body } of [...answers, refused]) expect(JSON.stringify(body)).not.to.include('hush-hush')
    expect(JSON.stringify(changed)).not.to.include('hush-hush')
  })

  it('an exported access file changes nothing, and makes the same of an empty account', async () => {
    const { write, api } = await account()
    const file = structuredClone(FILE) as unknown as Record<string, Record<string, unknown>[]>
    file['policies']?.push({
      group: 'Engineers',
      resource: 'lab',
      mode: 'shadow',
      description: 'later',
      is_disabled: true,
    })
    done(await write(file))
    const exported = done(await api('GET', '/access_file'))
    expect(done(await write(exported, '?prune=true')).changes).to.deep.equal([])
    const other = await account()
    done(
      await other.write({
        ...exported,
        actors: exported.actors.filter(({ type }: { type?: string }) => type !== 'owner'),
      }),
    )
    const copy = done(await other.api('GET', '/access_file'))
    for (const section of ['sites', 'resources', 'groups', 'providers', 'policies'])
      expect(copy[section], section).to.deep.equal(exported[section])
    const some = done(await api('GET', '/access_file?sections=sites,policies'))
    expect(Object.keys(some)).to.deep.equal(['sites', 'policies'])
  })

  it('a test that fails keeps the whole access file from being written, and says why', async () => {
    const { write, names } = await account()
    const tests = [
      ...TESTS,
      { expect: 'grace@example.org can reach wiki:443' },
      { expect: 'ada@example.org cannot reach wiki' },
    ]
    const refused = await write({ ...FILE, tests })
    expect([refused.status, refused.body.code]).to.deep.equal([422, 'tests_failed'])
    expect(refused.body.errors).to.deep.equal([
      {
        path: 'tests[6]',
        message: 'grace@example.org can reach wiki:443: it is not so (no policy leads there)',
      },
      {
        path: 'tests[7]',
        message: 'ada@example.org cannot reach wiki: it is not so (a policy without conditions)',
      },
    ])
    expect(await names('sites')).to.deep.equal([])
    const wrong = await write({
      ...FILE,
      tests: [{ expect: 'nobody can reach wiki' }, { expect: 'ada can reach nothing:1' }, { expect: 'x' }],
    })
    expect(wrong.body.errors.map(({ message }: { message: string }) => message)).to.deep.equal([
      'there is no actor nobody',
      'there is no resource nothing',
      'write ACTOR can reach RESOURCE:PORT, or cannot reach',
    ])
  })

  it('a test is about what stays as it is, too', async () => {
    const { write } = await account()
    done(await write(FILE))
    const removed = { groups: [{ name: 'Engineers', members: [] }], tests: [{ expect: 'robot can reach wiki:443' }] }
    expect((await write(removed)).body.code).to.equal('tests_failed')
    const tests = [{ expect: 'ada@example.org can reach wiki:443' }, { expect: 'robot cannot reach lab' }]
    expect(done(await write({ sites: [{ name: 'Rome' }], tests })).changes).to.have.length(1)
  })

  it('an access file removes only with prune, only what a file named before, and only in sections that it has', async () => {
    const { write, api, names } = await account()
    done(await write(FILE))
    await api('POST', '/sites', { name: 'By hand' })
    const smaller = {
      ...FILE,
      resources: [FILE.resources[0]],
      policies: [FILE.policies[0]],
      groups: [FILE.groups[0]],
      sites: [FILE.sites[0]],
    }
    expect(done(await write(smaller)).changes).to.deep.equal([])
    expect(done(await write({ sites: [FILE.sites[0], FILE.sites[1]] }, '?prune=true')).changes).to.deep.equal([])
    const dry = done(await write(smaller, '?prune=true&dry_run=true'))
    expect(
      dry.changes.map(({ action, kind, name }: Record<string, string>) => [action, kind, name]),
    ).to.have.deep.members([
      ['removed', 'policies', 'Everybody to lab'],
      ['removed', 'memberships', 'ada@example.org in Everybody'],
      ['removed', 'memberships', 'grace@example.org in Everybody'],
      ['removed', 'groups', 'Everybody'],
      ['removed', 'resources', 'lab'],
      ['removed', 'sites', 'Oslo'],
    ])
    done(await write(smaller, '?prune=true'))
    expect(await names('sites')).to.deep.equal(['Berlin', 'By hand'])
    expect(await names('groups')).to.deep.equal(['Engineers'])
  })

  it('pruning takes nothing along that was made apart', async () => {
    const { write, api, names } = await account()
    done(await write(FILE))
    const groups = (await api('GET', '/groups?name=Everybody')).body.data
    const resources = (await api('GET', '/resources?search=wiki')).body.data
    await api('POST', '/policies', { group_id: groups[0].id, resource_id: resources[0].id })
    const refused = await write({ groups: [FILE.groups[0]], policies: [FILE.policies[0]] }, '?prune=true')
    expect([refused.status, refused.body.code]).to.deep.equal([409, 'access_file_refused'])
    expect(refused.body.detail).to.include('prune Everybody').and.include('1 of policies')
    expect(await names('groups')).to.include('Everybody')
  })

  it('of two writers of an access file one wins, and the other is told', async () => {
    const { token, write, api } = await account()
    const etag = (await write(FILE, '?dry_run=true')).headers.get('etag') ?? ''
    const both = await Promise.all(
      ['one', 'two'].map(async (name) =>
        fetch(`${portal.url}/api/v1/access_file`, {
          method: 'POST',
          headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', 'if-match': etag },
          body: JSON.stringify({ sites: [{ name }] }),
        }),
      ),
    )
    expect(both.map(({ status }) => status)).to.have.members([200, 412])
    expect((await api('GET', '/sites')).body.total).to.equal(1)
  })

  it('each kind of object in an access file needs its own permission, and another account’s objects do not exist', async () => {
    const { write, api } = await account()
    const theirs = await account()
    done(await theirs.write(FILE))
    const [ada] = (await theirs.api('GET', '/actors?email=ada@example.org')).body.data
    const foreign = await write({ groups: [{ name: 'Mine', members: [ada.id] }], resources: [FILE.resources[0]] })
    expect(foreign.body.errors.map(({ path }: { path: string }) => path)).to.deep.equal([
      'resources[0].site',
      'groups[0].members[0]',
    ])
    const [owner] = (await api('GET', '/actors')).body.data
    const scoped = async (...scopes: string[]): Promise<string> =>
      (await api('POST', `/actors/${owner.id}/api_tokens`, { scopes })).body.token
    const policies = await scoped('policies:write', 'groups:read', 'resources:read', 'actors:read', 'sites:read')
    const refused = await write({ sites: [{ name: 'X' }] }, '', policies)
    expect([refused.status, refused.body.detail]).to.satisfy(
      ([status, detail]: [number, string]) => status === 403 && /sites:write/.test(detail),
    )
    expect((await write({ providers: [], tests: [{ expect: 'a can reach b' }] }, '', policies)).status).to.equal(403)
    const robot = await api('POST', '/actors', { type: 'service_account', name: 'robot' })
    const { token } = (await api('POST', `/actors/${robot.body.id}/api_tokens`, {})).body
    expect(
      (await write({ actors: [{ name: 'Eve', email: 'eve@example.org', type: 'owner' }] }, '', token)).status,
    ).to.equal(403)
    expect((await write({ actors: [{ name: 'X', email: owner.email }] }, '', token)).status).to.equal(403)
  })

  it('a name that stands twice in an access file, or is unknown, is refused with its place', async () => {
    const { write } = await account()
    const answer = await write({
      sites: [{ name: 'Berlin' }, { name: ' Berlin ' }],
      resources: [
        { name: 'wiki', type: 'dns', address: 'wiki.example.org', site: 'Paris' },
        { name: 'x', type: 'ip', address: '1', site: 'Berlin' },
      ],
      groups: [{ name: 'Engineers', members: ['nobody@example.org'] }],
      policies: [{ group: 'Engineers', resource: 'wiki' }],
    })
    expect(answer.status).to.equal(422)
    expect(answer.body.errors.map(({ path }: { path: string }) => path)).to.deep.equal([
      'sites[1]',
      'resources[0].site',
      'resources[1].address',
      'groups[0].members[0]',
      'policies[0].resource',
    ])
    const odd = await write({ sites: [{ name: 'a\u001b[2J' }] })
    expect(odd.body.errors[0].path).to.equal('sites[0].name')
    expect((await write({ nonsense: [] })).status).to.equal(422)
    expect((await write(`{"sites":[${'{"name":"x"},'.repeat(400_000)}{"name":"y"}]}`)).status).to.equal(413)
  })

  it('a policy gets another mode instead of a second one, and the last owner stays', async () => {
    const { write, api } = await account()
    done(await write(FILE))
    const shadow = done(await write({ policies: [{ ...FILE.policies[0], mode: 'shadow' }] }))
    expect(shadow.changes).to.deep.equal([
      {
        action: 'updated',
        kind: 'policies',
        name: 'Engineers to wiki',
        before: { mode: 'enforced' },
        after: { mode: 'shadow' },
      },
    ])
    const [owner] = (await api('GET', '/actors?type=owner')).body.data
    const demoted = await write({ actors: [{ name: 'X', email: owner.email }] })
    expect(demoted.status).to.equal(409)
  })
})
