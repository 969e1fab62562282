import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { portreeve, type Outcome } from '../../kit/command-line.ts'
import { PortalFixture } from '../../kit/portal-fixture.ts'
import { packageRoot } from '../../kit/source-tree.ts'

describe('an account as a file', () => {
  let portal: PortalFixture
  let folder: string

  before(async () => {
    portal = await PortalFixture.start()
    folder = await mkdtemp(join(tmpdir(), 'apply-'))
  })
  after(async () => {
    await portal.stop()
    await rm(folder, { recursive: true })
  })

  interface Asked {
    token?: string
    env?: NodeJS.ProcessEnv
    confirm?: (question: string) => Promise<boolean>
  }
  const run = async (
    args: readonly string[],
    { token = portal.token, env = {}, ...more }: Asked = {},
  ): Promise<Outcome> =>
    portreeve(args, {
      env: { HOME: folder, PORTREEVE_PORTAL_URL: portal.url, PORTREEVE_TOKEN: token, ...env },
      ...more,
    })
  const written = async (name: string, text: string): Promise<string> => {
    const path = join(folder, name)
    await writeFile(path, text, { mode: 0o600 })
    return path
  }

  it('the example of an access file applies to an empty account, changes nothing a second time, and comes back by export', async () => {
    const example = join(packageRoot(), 'config/access.yaml')
    const { token } = await portal.addAccount('example-file')
    const asked = { token, env: { OIDC_SECRET: 'hush-hush' } }
    const dry = await run(['apply', '-f', example, '--dry-run'], asked)
    expect(dry.code, dry.told).to.equal(0)
    expect(dry.printed)
      .to.match(/\+ gains +ada@example\.org +wiki/)
      .and.match(/All \d+ tests hold\./)
    const made = await run(['apply', '-f', example], asked)
    expect(made.told, made.printed).to.match(/^Done: \d+ created, 0 changed, 0 removed\.$/)
    expect((await run(['apply', '-f', example, '--prune'], asked)).printed).to.match(/^Nothing to change\./)
    const exported = join(folder, 'exported.yaml')
    expect((await run(['export', '-o', exported], { token })).code).to.equal(0)
    expect((await stat(exported)).mode & 0o007).to.equal(0)
    expect(await readFile(exported, 'utf8')).not.to.include('hush-hush')
    expect((await run(['apply', '-f', exported, '--prune'], { token })).printed).to.match(/^Nothing to change\./)
    expect((await run(['export', '-o', exported], { token })).code).to.equal(1)
    const shorter = (await readFile(exported, 'utf8')).replace('    mode: shadow\n', '    mode: enforced\n')
    const swapped = await run(['apply', '-f', await written('shorter.yaml', shorter), '--dry-run'], { token })
    expect(swapped.printed).to.match(/~ policies +Engineers to machine room +mode: shadow -> enforced/)
    for (const { printed, told } of [dry, made]) expect(printed + told).not.to.include('hush-hush')
  })

  it('what a portal refuses in an access file is told with its line, and a test that fails ends with 6', async () => {
    const file = await written(
      'wrong.yaml',
      'sites:\n  - name: Berlin\nresources:\n  - name: wiki\n    type: dns\n    address: "not a name!"\n    site: Berlin\n',
    )
    const refused = await run(['apply', '-f', file])
    expect(refused.code).to.equal(1)
    expect(refused.told).to.include(`${file}:6 resources[0].address: `)
    const failing = await written('failing.yaml', 'tests:\n  - expect: admin@example.org can reach wiki:443\n')
    expect((await run(['apply', '-f', failing])).told).to.include(
      `${failing}:2 tests[0].expect: there is no resource wiki`,
    )
    const denied = await written(
      'denied.yaml',
      'sites: [{name: Bonn}]\nresources: [{name: mail, type: ip, address: 192.0.2.1, site: Bonn}]\ntests:\n  - expect: admin@example.org can reach mail:25\n',
    )
    const outcome = await run(['apply', '-f', denied])
    expect(outcome.code).to.equal(6)
    expect(outcome.printed).to.include('admin@example.org can reach mail:25: it is not so (no policy leads there)')
    expect((await portal.api('GET', '/sites')).body.total).to.equal(0)
  })

  it('apply asks on a terminal, and tells the one who comes second that the account has changed', async () => {
    const file = await written('asked.yaml', 'groups:\n  - name: Readers\n')
    const declined = await run(['apply', '-f', file], { confirm: async () => Promise.resolve(false) })
    expect([declined.code, declined.told]).to.deep.equal([1, 'Nothing was done.'])
    const late = await run(['apply', '-f', file], {
      confirm: async () => {
        await portal.create('/groups', { name: 'Writers' })
        return true
      },
    })
    expect([late.code, late.told]).to.satisfy(
      ([code, told]: [number, string]) => code === 1 && told.includes('ACCOUNT_CHANGED'),
    )
    expect((await portal.api('GET', '/groups')).body.total).to.equal(1)
    expect((await run(['apply', '-f', file, '--yes'])).code).to.equal(0)
  })

  it('a file that was exported governs from its first application on, though that changes nothing', async () => {
    const { token } = await portal.addAccount('governed')
    for (const name of ['Oslo', 'Riga']) await portal.api('POST', '/sites', { name }, token)
    const exported = (await run(['export', '--only', 'sites'], { token })).printed
    const first = await run(['apply', '-f', await written('first.yaml', exported)], { token })
    expect([first.code, first.printed, first.told]).to.deep.equal([0, 'Nothing to change.', ''])
    await portal.api('POST', '/sites', { name: 'By hand' }, token)
    const second = await written('second.yaml', exported.replace('  - name: Riga', ''))
    expect((await run(['apply', '-f', second], { token })).printed).to.equal('Nothing to change.')
    const pruned = await run(['apply', '-f', second, '--prune', '--json'], { token })
    expect(JSON.parse(pruned.printed).changes.map(({ name }: { name: string }) => name)).to.deep.equal(['Riga'])
  })

  it('secrets come from the environment or from private files, and are not told', async () => {
    await written('secret', 'hush-hush\n')
    const settings = '{issuer: "https://id.example.org", client_id: portreeve, client_secret: {from_file: secret}}'
    const file = await written('provider.yaml', `providers:\n  - {name: Company, type: oidc, settings: ${settings}}\n`)
    const made = await run(['apply', '-f', file])
    expect(made.code, made.told).to.equal(0)
    expect((await run(['apply', '-f', file])).printed).to.include('Nothing to change')
    await written('secret', 'hush-hush, changed\n')
    const changed = await run(['apply', '-f', file, '--dry-run'])
    expect(changed.printed).to.include('[secret, changed]')
    expect(made.printed + changed.printed).not.to.include('hush')
    const unset = await written(
      'unset.yaml',
      'providers: [{name: X, type: oidc, settings: {client_secret: {from_env: NOT_THERE}}}]\n',
    )
    expect((await run(['apply', '-f', unset])).told)
      .to.include('SECRET_MISSING')
      .and.include('NOT_THERE')
    const inline = await written('inline.yaml', 'providers: [{name: X, settings: {client_secret: "hush-hush}}]\n')
    const broken = await run(['apply', '-f', inline])
    expect(broken.code).to.equal(2)
    expect(broken.told).to.include('ACCESS_FILE_SYNTAX').and.not.include('hush')
  })

  it('a file that unfolds without end, is too long or is no map is refused before it is sent', async () => {
    const bomb = [
      'a: &a [x,x,x,x,x,x,x,x,x]',
      ...'bcdefghi'.split('').map((key, at) => `${key}: &${key} [${`*${'abcdefgh'[at]},`.repeat(9)}]`),
    ]
    for (const [text, why] of [
      [bomb.join('\n'), 'unfold without end'],
      ['- a\n- b\n', 'a map of sections'],
      ['sites: 1\nsites: 2\n', 'DUPLICATE_KEY in line 2'],
      [`sites:\n${'  - name: x\n'.repeat(900_000)}`, 'longer than 4 MiB'],
    ] as const) {
      const outcome = await run(['apply', '-f', await written('bad.yaml', text)])
      expect(outcome.code, why).to.equal(2)
      expect(outcome.told).to.include(why)
    }
    expect((await run(['apply', '-f', join(folder, 'none.yaml')])).code).to.equal(2)
    const polluting = await written('proto.yaml', '__proto__: {sites: [{name: x}]}\n')
    expect((await run(['apply', '-f', polluting])).code).to.not.equal(0)
  })
})
