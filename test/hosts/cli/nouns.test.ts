import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { portreeve, type Outcome } from '../../kit/command-line.ts'
import { PortalFixture } from '../../kit/portal-fixture.ts'

describe('the commands for the objects of an account', () => {
  let portal: PortalFixture
  let home: string

  before(async () => {
    portal = await PortalFixture.start()
    home = await mkdtemp(join(tmpdir(), 'nouns-'))
    const { code, printed } = await portreeve(['login', portal.url], {
      env: { HOME: home },
      readHidden: async () => Promise.resolve(`${portal.token}\n`),
    })
    expect(code, printed).to.equal(0)
  })
  after(async () => {
    await portal.stop()
    await rm(home, { recursive: true })
  })

  /** Runs a command as somebody who has logged in. */
  const run = async (...args: string[]): Promise<Outcome> => portreeve(args, { env: { HOME: home } })
  const done = async (...args: string[]): Promise<string> => {
    const outcome = await run(...args)
    expect(outcome, args.join(' ')).to.include({ code: 0 })
    return outcome.printed
  }
  // oxlint-disable-next-line typescript/no-explicit-any -- a test asserts what it is
  const json = async (...args: string[]): Promise<any> => JSON.parse(await done(...args, '--json'))

  it('login keeps the token in a file of mode 0600, and says whose it is and what it may do', async () => {
    const folder = join(home, '.config', 'portreeve')
    const [file = ''] = (await readdir(folder)).filter((name) => name.endsWith('.token'))
    expect((await stat(join(folder, file))).mode & 0o777).to.equal(0o600)
    expect((await stat(folder)).mode & 0o777).to.equal(0o700)
    expect((await readFile(join(folder, file), 'utf8')).trim()).to.equal(portal.token)
    expect(await readFile(join(folder, 'portals.json'), 'utf8')).not.to.include(portal.token)
    const again = await portreeve(['login', portal.url], { env: { HOME: home, PORTREEVE_TOKEN: portal.token } })
    expect(again.printed)
      .to.match(/admin@example\.org\), owner/)
      .and.match(/scopes +write/)
      .and.match(/ends 20/)
    expect(again.printed + again.told).not.to.include(portal.token)
    const elsewhere = await run('site', 'list', '--portal', 'http://127.0.0.1:1')
    expect(elsewhere.code, 'the token is for one portal').to.equal(3)
    expect(elsewhere.told).to.include('TOKEN_MISSING')
    expect(await done('login'))
      .to.include(portal.url)
      .and.include('admin@example.org')
  })

  it('login refuses a token that the portal refuses, and keeps nothing', async () => {
    const other = await mkdtemp(join(tmpdir(), 'nouns-'))
    try {
      const wrong = await portreeve(['login', portal.url], { env: { HOME: other, PORTREEVE_TOKEN: 'nonsense' } })
      expect(wrong.code).to.equal(3)
      const none = await portreeve(['login', portal.url], {
        env: { HOME: other },
        readHidden: async () => Promise.resolve(''),
      })
      expect(none.code).to.equal(3)
      expect(await readdir(other)).to.deep.equal([])
      const asked = await portreeve(['site', 'list', '--portal', portal.url], { env: { HOME: other } })
      expect(asked.code).to.equal(3)
      expect(asked.told).to.include(`portreeve login ${portal.url}`)
    } finally {
      await rm(other, { recursive: true })
    }
  })

  it('login knows several portals, and logout forgets one', async () => {
    const another = await portal.startAnother()
    const other = await mkdtemp(join(tmpdir(), 'nouns-'))
    const env = { HOME: other }
    try {
      for (const url of [portal.url, another.url])
        await portreeve(['login', url], { env: { ...env, PORTREEVE_TOKEN: portal.token } })
      await portreeve(['login', portal.url, '--use'], { env })
      const { default: first, portals } = JSON.parse((await portreeve(['login', '--json'], { env })).printed)
      expect([first, portals.length]).to.deep.equal([portal.url, 2])
      expect((await portreeve(['logout'], { env })).printed).to.include(portal.url)
      expect((await portreeve(['site', 'list'], { env })).code).to.equal(0)
      expect((await portreeve(['logout', '--all'], { env })).printed).to.include(another.url)
      expect(
        (await readdir(join(other, '.config', 'portreeve'))).filter((name) => name.endsWith('.token')),
      ).to.deep.equal([])
      expect((await portreeve(['logout'], { env })).code).to.equal(3)
    } finally {
      await another.stop()
      await rm(other, { recursive: true })
    }
  })

  it('objects are made, shown, changed and deleted by their names', async () => {
    await done('site', 'create', 'Berlin')
    const filters = '[{protocol: tcp, ports: ["443", 8000-8999]}]'
    await done(
      'resource',
      'create',
      'wiki',
      '--type',
      'dns',
      '--address',
      'wiki.example.org',
      '--site',
      'berlin',
      '--filters',
      filters,
    )
    await done('group', 'create', 'Engineers')
    await done('actor', 'create', 'Ada', '--email', 'ada@example.org')
    await done('group', 'add-member', 'Engineers', 'ada@example.org')
    await done('policy', 'create', '--group', 'Engineers', '--resource', 'wiki')
    expect(await done('resource', 'list'))
      .to.match(/NAME +TYPE +ADDRESS +SITE +FILTERS/)
      .and.match(/wiki +dns +wiki\.example\.org +Berlin +443\+8000-8999\/tcp/)
    expect(await done('policy', 'list')).to.match(/Engineers +wiki +- +enforced +no/)
    expect(await done('group', 'members', 'Engineers')).to.include('ada@example.org')
    expect(await done('policy', 'edit', 'Engineers to wiki', '--is-disabled', '--description', 'for now')).to.match(
      /is disabled +yes/,
    )
    expect((await json('policy', 'edit', 'for now', '--no-is-disabled', '--no-description')).description).to.equal(null)
    expect(
      (await json('actor', 'list', '--group', 'Engineers')).data.map(({ name }: { name: string }) => name),
    ).to.deep.equal(['Ada'])
    const dry = await done('group', 'delete', 'Engineers', '--dry-run')
    expect(dry)
      .to.match(/1 of policies: Engineers to wiki/)
      .and.match(/1 would lose access:\n {2}ada@example\.org to wiki/)
    const refused = await run('group', 'delete', 'Engineers')
    expect(refused.code).to.equal(1)
    expect(refused.told).to.include('1 of policies').and.include('--cascade').and.not.include('?cascade')
    const declined = await portreeve(['group', 'delete', 'Engineers', '--cascade'], {
      env: { HOME: home },
      confirm: async (question) => Promise.resolve(!question.includes('Delete the group Engineers?')),
    })
    expect(declined.code).to.equal(1)
    await done('group', 'delete', 'Engineers', '--cascade')
    expect((await json('policy', 'list')).total).to.equal(0)
  })

  it('a name that several have is an error that lists them, and one that nobody has names similar ones', async () => {
    for (const email of ['grace@example.org', 'grace@example.com'])
      await done('actor', 'create', 'Grace Hopper', '--email', email)
    const two = await run('actor', 'show', 'Grace Hopper')
    expect(two.code).to.equal(2)
    expect(two.told).to.include('NAME_AMBIGUOUS').and.include('grace@example.org').and.include('grace@example.com')
    expect((await json('actor', 'show', 'GRACE@example.org')).email).to.equal('grace@example.org')
    const none = await run('actor', 'show', 'grace')
    expect(none.told).to.match(/NAME_UNKNOWN.*there is no actor grace.*Do you mean: grace@example\.\w+, grace@example/s)
  })

  it('settings come from a file, and what the portal refuses is told by member', async () => {
    const file = join(home, 'oidc.yaml')
    await writeFile(file, 'issuer: https://id.example.org\nclient_id: portreeve\nclient_secret: hush-hush\n')
    const made = await json('provider', 'create', 'Company', '--type', 'oidc', '--settings', `@${file}`)
    expect(made.settings).to.deep.equal({ issuer: 'https://id.example.org', client_id: 'portreeve' })
    const wrong = await run('resource', 'create', 'x', '--type', 'ip', '--address', 'nonsense', '--site', 'Berlin')
    expect(wrong.code).to.equal(1)
    expect(wrong.told).to.match(/422.*\n {2}address: /)
    const broken = await run('provider', 'edit', 'Company', '--settings', '{client_secret: hush-hush, "')
    expect(broken.code).to.equal(2)
    expect(broken.told).not.to.include('hush-hush')
    expect((await run('site', 'edit', 'Berlin')).code).to.equal(2)
  })

  it('tokens are made for a site or an actor by name', async () => {
    const gateway = await json('token', 'create', 'gateway', '--site', 'Berlin')
    expect(gateway.token).to.match(/^\./)
    await done('actor', 'create', 'robot', '--type', 'service_account')
    const api = await json(
      'token',
      'create',
      'api',
      '--actor',
      'robot',
      '--scopes',
      'sites:read,groups:read',
      '--no-expires-at',
    )
    expect(api.expires_at).to.equal(null)
    const asRobot = await portreeve(['login', portal.url, '--json'], {
      env: { HOME: join(home, 'robot'), PORTREEVE_TOKEN: api.token },
    })
    expect(JSON.parse(asRobot.printed)).to.deep.include({
      scopes: ['sites:read', 'groups:read'],
      permissions: ['groups:read', 'sites:read'],
    })
    expect((await run('token', 'create', 'api', '--actor', 'robot', '--scopes', 'everything')).code).to.equal(2)
    await done('token', 'delete', api.id)
  })

  it('lists go on by --all, and names with control characters are shown escaped or refused', async () => {
    for (let at = 0; at < 3; at++) await done('site', 'create', `Site ${at}`)
    const first = await run('site', 'list', '--limit', '2', '--sort', 'name')
    expect(first.told).to.match(/4 in all\. There is more: --all, or --cursor /)
    expect((await json('site', 'list', '--all', '--limit', '2', '--search', 'Site')).data).to.have.length(3)
    const odd = await run('site', 'create', 'Bad\u001b[2Jname')
    expect([odd.code, odd.told]).to.deep.include(1)
    expect((await run('site', 'show', 'Bad\u001b[2Jname')).code).to.not.equal(0)
  })

  it('another account’s ids do not exist for a command', async () => {
    const other = await portal.addAccount('other')
    const { body } = await portal.api('POST', '/sites', { name: 'Theirs' }, other.token)
    for (const args of [
      ['show', body.id],
      ['edit', body.id, '--name', 'Mine'],
      ['delete', body.id],
      ['show', 'Theirs'],
    ]) {
      const outcome = await run('site', ...args)
      expect(outcome.code, args.join(' ')).to.be.greaterThan(0)
    }
  })
})
