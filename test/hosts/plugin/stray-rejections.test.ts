import { execFile } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { Secret } from '../../../core/runtime/secret.ts'
import { ClientFlows } from '../../../core/flow/client/client-flows.ts'
import { GatewayFlows } from '../../../core/flow/gateway/gateway-flows.ts'
import { Logger } from '../../../core/runtime/logger.ts'
import { ClientConfig } from '../../../hosts/client/config.ts'
import { buildContainer as buildClient } from '../../../hosts/client/container.ts'
import { GatewayConfig } from '../../../hosts/gateway/config.ts'
import { buildContainer as buildGateway } from '../../../hosts/gateway/container.ts'
import { openPeer } from '../../../hosts/peer/open-peer.ts'
import type { PeerContainer } from '../../../hosts/peer/peer-container.ts'
import { createDnsExchange } from '../../../hosts/runtime/index.ts'
import { createPluginModules } from '../../../hosts/runtime/plugin-modules.ts'
import { PackageFolder } from '../../kit/package-folder.ts'
import { RecordingLogger } from '../../kit/recording-logger.ts'
import { packageRoot } from '../../kit/source-tree.ts'

const NAME = 'portreeve-resolver-stray'
const SAYS = /a promise of a plugin was rejected/

describe('X2 a promise of a plugin that is rejected, and that nobody waits for', () => {
  const folder = new PackageFolder()
  const modules = join(folder.path, 'node_modules')
  const token = new Secret('none')
  const plugins = [{ use: 'builtin:transport-wireguard' }, { use: NAME }]
  const peer = { portal_url: 'ws://127.0.0.1:1', state_folder: folder.path, plugins, resolvers: [] }

  before(() => {
    folder.linkPeers()
    mkdirSync(join(modules, NAME))
    writeFileSync(
      join(modules, NAME, 'package.json'),
      JSON.stringify({ name: NAME, version: '1.0.0', type: 'module', exports: './index.js' }),
    )
    writeFileSync(
      join(modules, NAME, 'index.js'),
      `import { definePlugin, UpstreamResolvers } from 'portreeve'
       export const plugin = definePlugin({ name: 'resolver-stray', api: 1, setup({ provide }) {
         provide(UpstreamResolvers, 'stray', { create: () => ({
           resolve: async () => ({ type: 'notMine' }),
           start() { void Promise.reject(new Error('work that nobody waits for')) },
         }) })
       } })`,
    )
  })
  after(() => folder.remove())

  /** Starts the plugins of a peer, without its device, and returns what it logs of the rejection. */
  const startedWith = async (role: 'client' | 'gateway', peerContainer: PeerContainer) => {
    const { container } = peerContainer
    const logger = new RecordingLogger()
    const heard = logger.next(SAYS)
    const get = ((what: symbol): unknown => (what === Logger ? logger : container.get(what))) as typeof container.get
    const opened = await openPeer(
      { ...peerContainer, container: { ...container, get } },
      {
        role,
        config: { ...peer, transport: undefined, mtu: 1_280 },
        token,
        version: '0.1.0',
        laneWish: 'script',
        component: role,
        flows: () => (role === 'client' ? new ClientFlows() : new GatewayFlows()) as never,
        entry: import.meta.url,
      },
    )
    // Mocha's own listener fails the test.
    const others = process.listeners('unhandledRejection')
    process.removeAllListeners('unhandledRejection')
    try {
      const stop = await opened.run({ shell: {}, rehearse: () => true })
      const line = await heard
      await stop()
      return line
    } finally {
      for (const listener of others) process.on('unhandledRejection', listener)
    }
  }

  const hosts = {
    client: () => {
      const parts = {
        config: ClientConfig.parse(peer),
        modules: createPluginModules(folder.configFile),
        version: '0.1.0',
      }
      return buildClient(parts, { markFor: () => undefined, exchange: createDnsExchange() })
    },
    gateway: () => {
      const parts = {
        config: GatewayConfig.parse(peer),
        modules: createPluginModules(folder.configFile),
        version: '0.1.0',
      }
      return buildGateway(parts)
    },
  }
  for (const role of ['client', 'gateway'] as const) {
    it(`does not end a ${role}: the log has the plugin’s name and the stack`, async () => {
      const { fields } = await startedWith(role, await hosts[role]())
      expect(fields).to.include({ plugin: 'resolver-stray', reason: 'Error: work that nobody waits for' })
      expect(fields['stack']).to.include(`${NAME}/index.js`)
    })
  }

  it('ends the process as before if it is no plugin’s', async () => {
    const source = `
      import { PluginFolders } from ${JSON.stringify(join(packageRoot(), 'dist/hosts/runtime/process/plugin-folders.js'))}
      import { PluginRejections } from ${JSON.stringify(join(packageRoot(), 'dist/hosts/runtime/process/plugin-rejections.js'))}
      const folders = new PluginFolders(new Map([['resolver-stray', ${JSON.stringify(join(modules, NAME))}]]))
      new PluginRejections({ folders, log: { failed: () => undefined } }).start()
      setTimeout(() => process.exit(0), 60_000)
      void Promise.reject(new Error('a bug of the host'))`
    const failure: unknown = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', source]).catch(
      (error: unknown) => error,
    )
    expect(failure).to.include({ code: 1 })
    expect((failure as { stderr: string }).stderr).to.include('a bug of the host')
  })
})
