import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { describe, it } from 'mocha'
import { parse } from 'yaml'
import { GatewayConfig } from '../../hosts/gateway/config.ts'
import { PortalConfig } from '../../hosts/portal/config.ts'
import { packageRoot } from '../kit/source-tree.ts'

const folder = join(packageRoot(), 'packaging/compose')
const read = (name: string): string => readFileSync(join(folder, name), 'utf8')

interface Service {
  user?: string
  read_only?: boolean
  cap_drop?: string[]
  cap_add?: string[]
  volumes?: string[]
  secrets?: (string | { source: string; target: string })[]
  healthcheck?: object
  networks: Record<string, { ipv4_address?: string }>
}
const compose = parse(read('compose.yaml')) as {
  services: Record<'caddy' | 'portal' | 'database' | 'gateway', Service>
  secrets: Record<string, { file: string }>
  volumes: Record<string, object>
  networks: Record<string, object>
}

describe('the compose file', () => {
  it('the containers have nothing that they do not need', () => {
    const { portal, gateway, caddy } = compose.services
    expect(portal).to.deep.include({ user: '990:990', read_only: true, cap_drop: ['ALL'] })
    expect(portal.cap_add).to.equal(undefined)
    expect(gateway).to.deep.include({ read_only: true, cap_drop: ['ALL'], cap_add: ['NET_ADMIN'] })
    expect(caddy).to.deep.include({ read_only: true, cap_drop: ['ALL'] })
    for (const name of ['portal', 'gateway', 'database'] as const) {
      expect(compose.services[name].healthcheck, name).to.be.an('object')
    }
  })

  it('what the compose file names is there: volumes, networks, secrets and files', () => {
    for (const [name, { volumes = [], secrets = [], networks }] of Object.entries(compose.services)) {
      for (const [source = ''] of volumes.map((text) => text.split(':'))) {
        const isThere = source.startsWith('./') ? existsSync(join(folder, source)) : source in compose.volumes
        expect(isThere, `${name}: ${source}`).to.equal(true)
      }
      for (const secret of secrets) {
        expect(compose.secrets).to.have.property(typeof secret === 'string' ? secret : secret.source)
      }
      expect(Object.keys(compose.networks)).to.include.members(Object.keys(networks))
    }
  })

  it('portal and gateway take their configurations, whose proxy and secrets are those of the compose file', () => {
    const { trusted_proxies: proxies, database } = PortalConfig.parse(parse(read('portal.yaml')))
    expect(proxies).to.deep.equal([compose.services.caddy.networks['front']?.ipv4_address])
    expect(database).to.include({ driver: 'pg', host: 'database', password_file: 'database-password' })
    expect(read('Caddyfile')).to.include(`${compose.services.portal.networks['front']?.ipv4_address}:8080`)
    expect(GatewayConfig.parse(parse(read('gateway.yaml'))).token_file).to.equal('gateway-token')
  })

  it('Caddy takes its configuration', function () {
    const args = ['validate', '--adapter', 'caddyfile', '--config', join(folder, 'Caddyfile')]
    const env = { ...process.env, PORTREEVE_HOST: 'portal.example.org' }
    const { error, status, stderr } = spawnSync('caddy', args, { env, encoding: 'utf8' })
    if (error !== undefined) this.skip()
    expect(status, stderr).to.equal(0)
  })
})
