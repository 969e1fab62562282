import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { PackageFolder } from '../../kit/package-folder.ts'
import { PortalFixture } from '../../kit/portal-fixture.ts'
import { packageRoot } from '../../kit/source-tree.ts'

const NAME = 'portreeve-selector-least-loaded'
const root = packageRoot()
const run = async (folder: string, file: string, parameters: string[]): Promise<string> => {
  const { stdout } = await promisify(execFile)(file, parameters, { cwd: folder, timeout: 200_000 })
  return stdout
}
const tool = (name: string): string => join(root, 'node_modules/.bin', name)

describe("a third party's plugin", () => {
  const author = new PackageFolder()
  const operator = new PackageFolder()
  const project = join(author.path, 'project')

  before(async function () {
    this.timeout(300_000)
    // The plugin author's folder holds the package and its types as npm would install them.
    cpSync(join(root, 'test/fixture/plugin', NAME), project, { recursive: true })
    author.linkPeers()
    mkdirSync(join(author.path, 'node_modules/@types'))
    symlinkSync(join(root, 'node_modules/@types/mocha'), join(author.path, 'node_modules/@types/mocha'))
    await run(project, tool('tsc'), ['-p', '.'])
    await run(project, 'npm', ['pack', '--pack-destination', author.path])
    // The operator installs the package by npm, offline: it needs nothing but the host that loads it.
    const archive = readdirSync(author.path).find((name) => name.endsWith('.tgz')) ?? ''
    writeFileSync(join(operator.path, 'package.json'), '{ "private": true }')
    await run(operator.path, 'npm', ['install', '--offline', '--ignore-scripts', join(author.path, archive)])
    writeFileSync(operator.configFile, `state_folder: ./state\nplugins:\n  - use: ${NAME}\n`)
  })
  after(() => {
    author.remove()
    operator.remove()
  })

  it("a third party's plugin passes the conformance suite of portreeve/testing in a test of a few lines", async () => {
    const printed = await run(project, tool('mocha'), ['--reporter', 'json', 'dist/least-loaded.test.js'])
    const { stats } = JSON.parse(printed) as { stats: { passes: number; failures: number } }
    expect(stats).to.include({ failures: 0 })
    expect(stats.passes).to.be.greaterThan(3)
  })

  it("a third party's plugin is shown by portreeve plugin check, with what it provides", async () => {
    const cli = join(root, 'dist/hosts/cli/main.js')
    const printed = await run(operator.path, process.execPath, [
      cli,
      'plugin',
      'check',
      '--config',
      operator.configFile,
      '--json',
    ])
    const { plugins } = JSON.parse(printed) as { plugins: { name: string; version: string }[] }
    expect(plugins).to.deep.include.members([
      {
        name: 'selector-least-loaded',
        version: '1.2.0',
        provides: [{ point: 'gateway-selectors', key: 'least-loaded' }],
      },
    ])
  })

  it("a third party's plugin is loaded by a real portal, which validates its settings by its own schema", async () => {
    const portal = await PortalFixture.start({ config: { plugins: [{ use: NAME }] }, configFile: operator.configFile })
    try {
      const site = await portal.create('/sites', {
        name: 'Berlin',
        selector: 'least-loaded',
        selector_settings: { slack: 5 },
      })
      expect(site).to.include({ selector: 'least-loaded' })
      const refused = await portal.api('POST', '/sites', {
        name: 'Paris',
        selector: 'least-loaded',
        selector_settings: { slack: -1 },
      })
      expect(refused.status).to.equal(422)
      expect(JSON.stringify(refused.body)).to.include('slack')
    } finally {
      await portal.stop()
    }
  })
})
