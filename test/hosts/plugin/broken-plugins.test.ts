import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { OperatorError } from '../../../core/config/operator-error.ts'
import { GatewaySelectors, IdentityProviders, PolicyConditions } from '../../../core/contract/extension-point.ts'
import { createContainer } from '../../../core/di.ts'
import { installPlugins } from '../../../core/plugin/install-plugins.ts'
import { loadPlugins } from '../../../core/plugin/load-plugins.ts'
import { createPluginModules } from '../../../hosts/runtime/plugin-modules.ts'
import { PackageFolder } from '../../kit/package-folder.ts'

const POINTS = [PolicyConditions, GatewaySelectors, IdentityProviders]

describe('a plugin that is wrong stops the host, which says where and what to write', () => {
  const folder = new PackageFolder()

  const failure = async (use: string, config?: unknown): Promise<OperatorError> => {
    try {
      const uses = await loadPlugins([{ use, config }], createPluginModules(folder.configFile))
      installPlugins(createContainer(), POINTS, uses, { folder: folder.path, host: 'portal', hostVersion: '0.1.0' })
    } catch (error) {
      if (error instanceof OperatorError) return error
      throw error
    }
    throw new Error(`${use} was accepted`)
  }

  before(() => {
    folder.linkPeers()
    for (const name of ['import-throws', 'no-export', 'api', 'setup-throws', 'duplicate-key', 'strict-config']) {
      folder.copyFixture(`broken/broken-${name}`, `broken-${name}`)
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
