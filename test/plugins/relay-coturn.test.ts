import { expect } from 'chai'
import { describe, it } from 'mocha'
import { coturnPassword } from '../../core/crypto/relay-credentials.ts'
import { Secret } from '../../core/runtime/secret.ts'
import { RelayProviders } from '../../core/contract/extension-point.ts'
import { SecretFiles, type SecretFile } from '../../core/runtime/secret-files.ts'
import { plugin } from '../../plugins/relay-coturn/index.ts'
import { Config } from '../../plugins/relay-coturn/config.ts'
import { createSecretFiles } from '../kit/ready-ports.ts'
import { providedBy } from '../conformance/provided-by.ts'
import { relayProviderSuite } from '../conformance/relay-provider.ts'
import vectors from '../vector/protocol/vectors.json' with { type: 'json' }

const { secret, username, password } = vectors.turnPasswords.coturnRest
const RELAY = { name: 'fra-1', addresses: ['203.0.113.20', '2001:db8::20'], secret_file: 'coturn-secret' }

const made = (config: unknown, files: SecretFiles = createSecretFiles({ 'coturn-secret': secret })) =>
  providedBy(plugin, RelayProviders, { config, ports: [[SecretFiles, files]] }).create()

relayProviderSuite('coturn', {
  create: () => made({ relays: [RELAY] }),
  secrets: [secret],
  accepts: (_, given) => coturnPassword({ secret, username: given.username }) === given.password,
})

describe('relays that run coturn', () => {
  it('are listed with their endpoints and place, and have the same id in every portal process', () => {
    const place = { latitude: 50.1, longitude: 8.7 }
    const config = {
      relays: [
        { ...RELAY, place },
        { ...RELAY, name: 'fra-2', port: 3479 },
      ],
    }
    const [one, two] = made(config).relays()
    expect(one).to.deep.include({ name: 'fra-1', endpoints: ['203.0.113.20:3478', '[2001:db8::20]:3478'], place })
    expect(two?.endpoints).to.deep.equal(['203.0.113.20:3479', '[2001:db8::20]:3479'])
    expect(made(config).relays()).to.deep.equal([one, two])
    expect(one?.id).not.to.equal(two?.id)
  })

  it('take the passwords of the protocol’s known answers', async () => {
    const provider = made({ relays: [RELAY] })
    await (provider as { start?: () => Promise<void> }).start?.()
    const [expiry, salt = ''] = username.split(':')
    const [relay] = provider.relays()
    const expiresAt = (Number(expiry) * 1_000) as Parameters<typeof provider.credentials>[0]['expiresAt']
    const question = { relayId: relay?.id ?? '', publicKey: '', salt, expiresAt }
    expect(provider.credentials(question)).to.deep.equal({ username, password })
  })

  it('each have a secret of their own, whose file is named where it cannot be read', async () => {
    const read: SecretFile[] = []
    const files: SecretFiles = {
      read: async (file) => {
        read.push(file)
        return Promise.resolve(new Secret(`secret in ${file.path}`))
      },
    }
    const relays = [RELAY, { ...RELAY, name: 'fra-2', port: 3479, secret_file: 'other-secret' }]
    await (made({ relays }, files) as { start?: () => Promise<void> }).start?.()
    expect(read).to.deep.equal([
      { path: 'coturn-secret', name: 'relay-coturn: relays[0].secret_file' },
      { path: 'other-secret', name: 'relay-coturn: relays[1].secret_file' },
    ])
  })

  it('are refused where they are malformed', () => {
    const takes = (relay: object): boolean => Config.safeParse({ relays: [{ ...RELAY, ...relay }] }).success
    expect(takes({})).to.equal(true)
    for (const wrong of [
      { name: '' },
      { addresses: [] },
      { addresses: ['relay.example.org'] },
      { addresses: ['169.254.169.254'] },
      { port: 0 },
      { secret_file: '' },
      { secret: 'in the file' },
      { place: { latitude: 91, longitude: 0 } },
      { account_id: 'acme' },
    ]) {
      expect(takes(wrong), JSON.stringify(wrong)).to.equal(false)
    }
    expect(Config.safeParse({ relays: [RELAY, RELAY] }).success, 'one name twice').to.equal(false)
    expect(Config.safeParse({ relays: [] }).success).to.equal(false)
  })
})
