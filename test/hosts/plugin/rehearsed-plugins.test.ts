import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { OperatorError } from '../../../core/config/operator-error.ts'
import { Secret } from '../../../core/runtime/secret.ts'
import { run } from '../../../hosts/cli/program.ts'
import { ClientConfig } from '../../../hosts/client/config.ts'
import { checkClientPlugins } from '../../../hosts/client/main.ts'
import { GatewayConfig } from '../../../hosts/gateway/config.ts'
import { startGateway } from '../../../hosts/gateway/main.ts'
import { createPluginModules } from '../../../hosts/runtime/plugin-modules.ts'
import { writeFileSync } from 'node:fs'
import { PackageFolder } from '../../kit/package-folder.ts'
import { PortalFixture } from '../../kit/portal-fixture.ts'

const USE = 'broken-setup-exits'
const SAYS = `plugins[0]: ${USE}: setup called process.exit(3).`

describe('X2 a package is rehearsed in a thread before its host imports it', () => {
  const folder = new PackageFolder()
  const plugins = [{ use: USE }]
  const version = '0.1.0'
  before(() => {
    folder.linkPeers()
    folder.copyFixture(`broken/${USE}`, USE)
    writeFileSync(folder.configFile, `plugins:\n  - use: ${USE}\n`)
  })
  after(() => folder.remove())

  const failure = async (start: () => Promise<unknown>): Promise<OperatorError> => {
    const error: unknown = await start().then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
    if (error instanceof OperatorError) return error
    throw new Error('the host started')
  }

  const peer = { portal_url: 'ws://127.0.0.1:1', state_folder: folder.path, plugins, log_level: 'silent' }
  const hosts: Record<string, () => Promise<unknown>> = {
    portal: () => PortalFixture.start({ configFile: folder.configFile, config: { plugins } }),
    client: () =>
      checkClientPlugins({
        config: ClientConfig.parse(peer),
        modules: createPluginModules(folder.configFile),
        version,
      }),
    gateway: () =>
      startGateway({
        config: GatewayConfig.parse(peer),
        modules: createPluginModules(folder.configFile),
        version,
        token: new Secret('none'),
      }),
  }
  for (const [host, start] of Object.entries(hosts)) {
    it(`a ${host} whose plugin would end the process names the plugin, with the stack, and does not start`, async () => {
      const { code, message, cause } = await failure(start)
      expect(code).to.equal('PLUGIN_EXIT')
      expect(message).to.include(SAYS)
      expect((cause as Error).stack).to.include(`${USE}/index.js`)
    })
  }

  it('plugin check says the same, and ends like for any plugin that cannot be loaded', async () => {
    const told: string[] = []
    const silent = () => undefined
    const output = { print: silent, json: silent, tell: (text: string) => told.push(text) }
    const code = await run(['plugin', 'check', '--config', folder.configFile], { env: {}, output })
    expect(told.join('\n')).to.include(`PLUGIN_EXIT: ${SAYS}`)
    expect(code).to.equal(1)
  })
})
