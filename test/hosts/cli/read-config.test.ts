import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { afterEach, beforeEach, describe, it } from 'mocha'
import type { z } from 'zod'
import { OperatorError } from '../../../core/config/operator-error.ts'
import type { PluginEntry } from '../../../core/config/parse-config.ts'
import { loadPlugins } from '../../../core/plugin/load-plugins.ts'
import { readConfig, takeToken } from '../../../hosts/cli/read-config.ts'
import { ClientConfig } from '../../../hosts/client/config.ts'
import { GatewayConfig } from '../../../hosts/gateway/config.ts'
import { RelayConfig } from '../../../hosts/relay/config.ts'
import { PortalConfig } from '../../../hosts/portal/config.ts'
import { createPluginModules } from '../../../hosts/runtime/plugin-modules.ts'
import { packageRoot } from '../../../hosts/runtime/process/package-root.ts'

const EXAMPLES = join(packageRoot(), 'config')

describe('hosts/cli/read-config', () => {
  let folder: string
  let file: string

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'config-'))
    file = join(folder, 'client.yaml')
  })
  afterEach(async () => {
    await rm(folder, { recursive: true })
  })

  const read = (env: NodeJS.ProcessEnv = {}) => readConfig({ schema: ClientConfig, file, fallback: 'client.yaml', env })

  it('a configuration’s environment variables have precedence over the file', async () => {
    await writeFile(file, 'portal_url: https://portal.example.org\nname: from-file\n')
    const { config } = await read({
      PORTREEVE_PORTAL_URL: 'http://192.0.2.1:8080',
      PORTREEVE_NAME: 'from-environment',
      PORTREEVE_ID: 'an-id',
      PORTREEVE_SOCKET: '/run/other.sock',
    })
    expect(config).to.include({
      portal_url: 'http://192.0.2.1:8080',
      name: 'from-environment',
      id: 'an-id',
      socket: '/run/other.sock',
    })
  })

  it('an empty environment variable is no value, nor is one that this host has no use for', async () => {
    await writeFile(file, 'portal_url: https://portal.example.org\nname: from-file\n')
    expect((await read({ PORTREEVE_NAME: '' })).config.name).to.equal('from-file')
    await writeFile(file, 'public_url: https://portal.example.org\n')
    const source = { schema: PortalConfig, file, fallback: 'portal.yaml', env: { PORTREEVE_SOCKET: '/x' } } as const
    expect((await readConfig(source)).config).not.to.have.property('socket')
  })

  it('PORTREEVE_EPHEMERAL is true or false, has precedence over the file, and anything else is refused', async () => {
    await writeFile(file, 'portal_url: https://portal.example.org\nephemeral: true\n')
    const gateway = async (env: NodeJS.ProcessEnv) =>
      (await readConfig({ schema: GatewayConfig, file, fallback: 'gateway.yaml', env })).config.ephemeral
    expect(await gateway({})).to.equal(true)
    expect(await gateway({ PORTREEVE_EPHEMERAL: 'false' })).to.equal(false)
    const refusal = await gateway({ PORTREEVE_EPHEMERAL: 'perhaps' }).catch((error: unknown) => error)
    expect(refusal).to.have.property('code', 'CONFIG_INVALID')
  })

  it('reading a configuration takes the token out of the environment', () => {
    const env: NodeJS.ProcessEnv = { PORTREEVE_TOKEN: ' a.token\n' }
    expect(takeToken(env)?.reveal()).to.equal('a.token')
    expect(env).not.to.have.property('PORTREEVE_TOKEN')
    expect(takeToken(env)).to.equal(undefined)
  })

  it('relative paths in a configuration are relative to its file', async () => {
    await writeFile(
      file,
      'portal_url: https://portal.example.org\ntoken_file: secret/token\nstate_folder: /var/lib/x\n',
    )
    const { config } = await read()
    expect(config).to.include({ token_file: join(folder, 'secret/token'), state_folder: '/var/lib/x' })
    await writeFile(file, 'database: { driver: pg, password_file: password, tls: { ca_file: ca.pem } }\n')
    const portal = await readConfig({ schema: PortalConfig, file, fallback: 'portal.yaml', env: {} })
    expect(portal.config.database).to.deep.include({
      password_file: join(folder, 'password'),
      tls: { ca_file: join(folder, 'ca.pem') },
    })
  })

  it('the configuration of the package is used where no file is named', async () => {
    const { config } = await readConfig({
      schema: GatewayConfig,
      file: undefined,
      fallback: 'gateway.yaml',
      env: { PORTREEVE_PORTAL_URL: 'http://192.0.2.1:8080' },
    })
    expect(config.portal_url).to.equal('http://192.0.2.1:8080')
    expect(config.plugins.map(({ use }) => use)).to.include('builtin:transport-wireguard')
  })

  it('the configuration of the package names nobody’s portal and nobody’s account', async () => {
    for (const [schema, fallback] of [
      [ClientConfig, 'client.yaml'],
      [GatewayConfig, 'gateway.yaml'],
      [RelayConfig, 'relay.yaml'],
    ] as const) {
      const said = await refusal(readConfig({ schema, file: undefined, fallback, env: {} }))
      expect(said).to.match(/^CONFIG_MISSING: .*PORTREEVE_PORTAL_URL/s)
      expect(said).not.to.include('example.org')
    }
    const env = { PORTREEVE_PORTAL_URL: 'https://portal.example.net' }
    const { config } = await readConfig({ schema: ClientConfig, file: undefined, fallback: 'client.yaml', env })
    expect(config.account).to.equal(undefined)
    const named = { ...env, PORTREEVE_ACCOUNT: 'ours' }
    const own = await readConfig({ schema: ClientConfig, file: undefined, fallback: 'client.yaml', env: named })
    expect(own.config.account).to.equal('ours')
  })

  it('a configuration’s syntax error is reported with its place', async () => {
    await writeFile(file, 'portal_url: https://portal.example.org\nname: [unfinished\n')
    expect(await refusal(read())).to.match(/^CONFIG_SYNTAX: .*client\.yaml: .*line \d+, column \d+/s)
  })

  it('each unknown or wrong key of a configuration is named by its path', async () => {
    await writeFile(file, 'portal_url: portal.example.org\nplugins:\n  - used: builtin:x\nstrange: 1\n')
    const said = await refusal(read())
    expect(said).to.match(/^CONFIG_INVALID/)
    for (const path of ['portal_url', 'plugins[0].use', 'strange']) expect(said).to.include(path)
  })

  it('a configuration that is missing, is no map, or is blown up by an alias is refused', async () => {
    expect(await refusal(read())).to.match(/^CONFIG_UNREADABLE: .*ENOENT/)
    await writeFile(file, '- a\n- list\n')
    expect(await refusal(read())).to.match(/^CONFIG_SYNTAX: .* map/)
    const lines = ['a: &a [x,x,x,x,x,x,x,x,x]']
    for (const [from, to] of ['ab', 'bc', 'cd', 'de'] as unknown as string[][]) {
      lines.push(`${to}: &${to} [${Array.from({ length: 9 }, () => `*${from}`).join(',')}]`)
    }
    await writeFile(file, lines.join('\n'))
    expect(await refusal(read())).to.match(/^CONFIG_SYNTAX/)
  })
})

describe('config', () => {
  const schemas: Record<string, z.ZodObject> = {
    portal: PortalConfig,
    gateway: GatewayConfig,
    client: ClientConfig,
    relay: RelayConfig,
  }

  it('config/ has examples that their hosts take, with plugins that are there', async () => {
    // No host reads access.yaml: `portreeve apply` does, and its test applies it.
    const files = (await readdir(EXAMPLES)).filter((name) => name.endsWith('.yaml') && name !== 'access.yaml')
    expect(files).to.include.members([
      'portal.yaml',
      'gateway.yaml',
      'client.yaml',
      'relay.yaml',
      'portal.development.yaml',
    ])
    for (const name of files) {
      const schema = schemas[name.split('.')[0] ?? '']
      if (schema === undefined) throw new Error(`no host is configured by ${name}`)
      const file = join(EXAMPLES, name)
      const { config } = await readConfig({ schema, file, fallback: 'portal.yaml', env: {} })
      // A relay has no plugins.
      const { plugins = [] } = config as { plugins?: PluginEntry[] }
      expect(await loadPlugins(plugins, createPluginModules(file), [])).to.have.length(plugins.length)
    }
  })
})

const refusal = async (promise: Promise<unknown>): Promise<string> => {
  try {
    await promise
    return 'no refusal'
  } catch (error) {
    return error instanceof OperatorError ? `${error.code}: ${error.message}` : String(error)
  }
}
