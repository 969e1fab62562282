import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { OperatorError } from '../../../core/config/operator-error.ts'
import { GatewaySelectors, IdentityProviders, PolicyConditions } from '../../../core/contract/extension-point.ts'
import { createContainer } from '../../../core/di.ts'
import { installPlugins } from '../../../core/plugin/install-plugins.ts'
import { loadPlugins } from '../../../core/plugin/load-plugins.ts'
import { createPluginModules } from '../../../hosts/runtime/plugin-modules.ts'
import { PackageFolder } from '../../kit/package-folder.ts'
import { packageRoot } from '../../kit/source-tree.ts'

const POINTS = [PolicyConditions, GatewaySelectors, IdentityProviders]

/** Deadline of a rehearsal: short where the import never ends; what ends has time on a busy machine. */
const deadlineOf = (use: string): { deadlineMs?: number } => {
  if (use === 'broken-import-blocks') return { deadlineMs: 300 }
  return use === 'broken-setup-blocks' ? { deadlineMs: 2_000 } : {}
}

describe('a plugin that is wrong stops the host, which says where and what to write', () => {
  const folder = new PackageFolder()

  const failure = async (use: string, config?: unknown): Promise<OperatorError> => {
    try {
      const context = { folder: folder.path, host: 'portal', hostVersion: '0.1.0' } as const
      const modules = createPluginModules(folder.configFile, deadlineOf(use))
      installPlugins(createContainer(), POINTS, await loadPlugins([{ use, config }], modules, [context]), context)
    } catch (error) {
      if (error instanceof OperatorError) return error
      throw error
    }
    throw new Error(`${use} was accepted`)
  }

  before(() => {
    folder.linkPeers()
    for (const name of readdirSync(join(packageRoot(), 'test/fixture/plugin/broken'))) {
      folder.copyFixture(`broken/${name}`, name)
    }
  })
  after(() => folder.remove())

  const cases: { title: string; use: string; config?: unknown; code: string; says: RegExp }[] = [
    {
      title: 'its import throws',
      use: 'broken-import-throws',
      code: 'PLUGIN_IMPORT_FAILED',
      says: /does work when it is imported/,
    },
    { title: 'it exports no plugin', use: 'broken-no-export', code: 'PLUGIN_NO_EXPORT', says: /definePlugin/ },
    { title: 'it is made for another API', use: 'broken-api', code: 'PLUGIN_API_MISMATCH', says: /API 99/ },
    { title: 'its setup throws', use: 'broken-setup-throws', code: 'PLUGIN_SETUP_FAILED', says: /more than declare/ },
    { title: 'it provides one key twice', use: 'broken-duplicate-key', code: 'PLUGIN_DUPLICATE_KEY', says: /"always"/ },
    {
      title: 'its configuration has an unknown key',
      use: 'broken-strict-config',
      config: { unknown: 1 },
      code: 'CONFIG_INVALID',
      says: /"unknown"/,
    },
    {
      title: 'its import never comes to an end',
      use: 'broken-import-blocks',
      code: 'PLUGIN_IMPORT_LATE',
      says: /broken-import-blocks: import has not finished in 0\.3 s/,
    },
    {
      title: 'its import waits for what cannot come',
      use: 'broken-import-waits',
      code: 'PLUGIN_IMPORT_LATE',
      says: /broken-import-waits: import never settled/,
    },
    {
      title: 'its import ends the process',
      use: 'broken-import-exits',
      code: 'PLUGIN_EXIT',
      says: /broken-import-exits: import called process\.exit\(0\)/,
    },
    {
      title: 'its setup never comes to an end',
      use: 'broken-setup-blocks',
      code: 'PLUGIN_SETUP_LATE',
      says: /broken-setup-blocks: setup has not finished in 2 s/,
    },
    {
      title: 'its setup ends the process',
      use: 'broken-setup-exits',
      code: 'PLUGIN_EXIT',
      says: /broken-setup-exits: setup called process\.exit\(3\)/,
    },
    {
      title: 'its setup begins work that fails later',
      use: 'broken-setup-rejects',
      code: 'PLUGIN_SETUP_FAILED',
      says: /nobody handles: Error: work that nobody asked for/,
    },
    { title: 'it is not installed', use: 'not-installed', code: 'PLUGIN_NOT_FOUND', says: /npm install not-installed/ },
    { title: 'it is a path', use: '../broken-api', code: 'PLUGIN_NOT_FOUND', says: /not installed/ },
    {
      title: 'there is no such built-in',
      use: 'builtin:condition-nothing',
      code: 'PLUGIN_UNKNOWN',
      says: /There are: /,
    },
  ]

  for (const { title, use, config, code, says } of cases) {
    it(`a broken plugin stops the host: ${title}: ${code}`, async () => {
      const error = await failure(use, config)
      expect(error.code).to.equal(code)
      expect(error.message)
        .to.match(/^plugins\[0\]/)
        .and.to.match(says)
    })
  }
})
