import { expect } from 'chai'
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'mocha'
import { packageRoot } from '../../../../../hosts/runtime/process/package-root.ts'
import { ControlPeer, keyOf } from '../../../../kit/control-peer.ts'
import { PortalFixture } from '../../../../kit/portal-fixture.ts'
import { skipBecause } from '../../../../kit/skip-because.ts'

// Set up by hosts/lab/setup.mjs: npm run test:long.
const TOOLS = join(packageRoot(), 'node_modules/.cache/portreeve-api-checkers')
const SCHEMATHESIS = join(TOOLS, 'python/bin/schemathesis')
const LINTERS = join(TOOLS, 'node/node_modules/.bin')

// Statuses beyond the tool's own: 422 for rules that no schema can express (a group that does not exist), 412 for a
// made-up If-Match.
// No schema can tell a cursor of this portal from any other text (400); lists.test has those.
const CONFIG = `[parameters]
"query.cursor" = ""
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "3xx", "401", "403", "404", "409", "412", "422", "429"]
`

// The rule wants every permission among the scopes of OAuth. Ours belong to a bearer token, where OpenAPI 3.1 (§4.8.30) lets
// an operation name what its caller needs.
const RULES = `extends: ["spectral:oas"]
rules: { oas3-operation-security-defined: off }
`

const run = async (folder: string, command: string, args: readonly string[]) =>
  new Promise<{ code: number; output: string }>((resolve) => {
    execFile(command, args, { cwd: folder, maxBuffer: 64 << 20 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), output: `${stdout}${stderr}` })
    })
  })

describe('the REST API, for those who generate from its description', function () {
  this.timeout(600_000)
  let portal: PortalFixture
  let folder: string
  let peers: ControlPeer[] = []

  before(async function () {
    const missing = [SCHEMATHESIS, join(LINTERS, 'spectral'), join(LINTERS, 'redocly')].filter(
      (file) => !existsSync(file),
    )
    if (missing.length > 0) skipBecause(this, `not set up by npm run test:long: ${missing.join(', ')}`)
    folder = await mkdtemp(join(tmpdir(), 'portreeve-api-'))
    portal = await PortalFixture.start()
    const site = await portal.create('/sites', { name: 'Connected' })
    const tokens = {
      client: (await portal.create(`/actors/${portal.admin.id}/client_tokens`)).token as string,
      gateway: (await portal.create(`/sites/${site.id}/gateway_tokens`)).token as string,
    }
    for (const role of ['client', 'gateway'] as const) {
      const { peer } = await ControlPeer.join({ url: portal.url, role, token: tokens[role], publicKey: keyOf(role) })
      peers = [...peers, peer]
    }
    await writeFile(join(folder, 'schemathesis.toml'), CONFIG)
    await writeFile(join(folder, '.spectral.yaml'), RULES)
    await writeFile(join(folder, 'openapi.json'), await (await fetch(`${portal.url}/openapi.json`)).text())
  })
  after(async () => {
    for (const peer of peers) peer.close()
    await portal?.stop()
    if (folder !== undefined) await rm(folder, { recursive: true, force: true })
  })

  /**
   * Runs all checks and phases as one user, from a fixed seed. The examples are few: most cases come from the schemas'
   * bounds.
   */
  const check = async (token: string | undefined, ...only: string[]) => {
    const { code, output } = await run(folder, SCHEMATHESIS, [
      '--config-file=schemathesis.toml',
      'run',
      `${portal.url}/openapi.json`,
      '--checks=all',
      '--phases=examples,coverage,fuzzing,stateful',
      '--max-examples=1',
      '--seed=1',
      '--workers=1',
      '--no-color',
      ...(token === undefined ? [] : [`--header=Authorization: Bearer ${token}`]),
      ...only,
    ])
    expect(code, output.slice(-20_000)).to.equal(0)
    expect(output).to.match(/\d{3,} generated, \d{3,} passed/)
    return output
  }
  const isGood = async (token: string) => (await portal.api('GET', '/account', undefined, token)).status === 200

  const tokenOf = async (name: string): Promise<{ actor: { id: string }; token: string }> => {
    const actor = await portal.create('/actors', { name, type: 'admin' })
    return { actor, token: (await portal.create(`/actors/${actor.id}/api_tokens`)).token }
  }

  it('Spectral and Redocly find no fault in the REST API’s description', async () => {
    const spectral = await run(folder, join(LINTERS, 'spectral'), ['lint', '--fail-severity', 'hint', 'openapi.json'])
    expect(spectral.code, spectral.output).to.equal(0)
    const redocly = await run(folder, join(LINTERS, 'redocly'), ['lint', '--format', 'json', 'openapi.json'])
    expect(redocly.code, redocly.output).to.equal(0)
    expect(redocly.output).to.match(/"errors": 0,\s*"warnings": 0,/)
  })

  it('a property tester finds no fault in the REST API without a token, nor as somebody refused', async () => {
    const { actor, token } = await tokenOf('Refused')
    await portal.api('PATCH', `/actors/${actor.id}`, { is_disabled: true })
    expect(await isGood(token)).to.equal(false)
    for (const output of await Promise.all([check(undefined), check(token)])) {
      expect(output).to.match(/operations returned only 401\/403/)
    }
  })

  it('a property tester finds no fault in the REST API as an admin', async () => {
    // Operations that end the tester's own token come last: later refusals would show nothing.
    const ending = ['patchActorsId', 'deleteActorsId', 'deleteTokensId']
    const output = await check(portal.token, ...ending.map((id) => `--exclude-operation-id=${id}`))
    expect(/Authentication failed: .*/.exec(output)?.[0]).to.equal(undefined)
    expect(await isGood(portal.token)).to.equal(true)
    const { token } = await tokenOf('Tester')
    await check(token, '--include-path-regex=^/(actors|tokens)')
    expect((await fetch(`${portal.url}/readyz`)).status).to.equal(200)
    expect(portal.logger.lines.filter(({ message }) => message === 'request failed')).to.deep.equal([])
  })
})
