import { createSocket } from 'node:dgram'
import { expect } from 'chai'
import { describe, it } from 'mocha'
import { RelayProviders } from '../../core/contract/extension-point.ts'
import { sha256 } from '../../core/crypto/hash.ts'
import type { RelayCredentials } from '../../core/crypto/relay-credentials.ts'
import { toUnpaddedBase64 } from '../../core/crypto/text-encoding.ts'
import { drive } from '../../core/runtime/drive.ts'
import { endpoint } from '../../core/runtime/endpoint.ts'
import { SecretFiles } from '../../core/runtime/secret-files.ts'
import { HOUR, SECOND, unixTime } from '../../core/runtime/time.ts'
import { RelayClient } from '../../core/turn/relay-client.ts'
import type { RelayClientInput, RelayClientOutput } from '../../core/turn/relay-client-messages.ts'
import type { PresentRelay } from '../../hosts/portal/decide/relay-choice.ts'
import { RelayWatch } from '../../hosts/portal/relays/relay-watch.ts'
import { createClock } from '../../hosts/runtime/index.ts'
import { plugin } from '../../plugins/relay-coturn/index.ts'
import { providedBy } from '../conformance/provided-by.ts'
import { keyOf } from '../kit/control-peer.ts'
import { Coturn } from '../kit/coturn.ts'
import { extensions } from '../kit/extensions.ts'
import { createSecretFiles } from '../kit/ready-ports.ts'
import { RecordingLogger } from '../kit/recording-logger.ts'
import { SeededRandom } from '../kit/seeded-random.ts'
import { skipBecause } from '../kit/skip-because.ts'

const SECRET = 'a secret of the relays'

/** Asks a relay for an allocation, and resolves with the state that comes of it. */
const allocates = async (port: number, credentials: RelayCredentials): Promise<RelayClient> => {
  const socket = createSocket('udp4')
  const random = new SeededRandom(credentials.password)
  const client = new RelayClient({ relay: endpoint('127.0.0.1', port), wanted: 'ipv4', credentials, random })
  try {
    await new Promise<void>((resolve) => {
      const driven = drive<RelayClientInput, RelayClientOutput>(client, {
        clock: createClock(),
        perform: (output) => {
          if (output.type === 'sendDatagram') socket.send(output.bytes, port, '127.0.0.1')
          if (output.type !== 'stateChanged' || ['idle', 'asking'].includes(client.state)) return
          driven.stop()
          resolve()
        },
      })
      socket.on('message', (datagram) => driven.dispatch({ type: 'datagramReceived', datagram }))
      driven.dispatch({ type: 'started' })
    })
  } finally {
    socket.close()
  }
  return client
}

describe('relays that run coturn, at a real one', () => {
  it('H6 H10 it is found present, and lets in peers with the credentials of the portal, and nobody else', async function () {
    if (!Coturn.isInstalled()) return skipBecause(this, 'needs coturn')
    const coturn = await Coturn.start({ secret: SECRET })
    const relay = { name: 'one', addresses: [coturn.address], port: coturn.port, secret_file: 'secret' }
    const ports = [[SecretFiles, createSecretFiles({ secret: SECRET })]] as const
    const provider = providedBy(plugin, RelayProviders, { config: { relays: [relay] }, ports }).create()
    await (provider as { start?: () => Promise<void> }).start?.()
    const clock = createClock()
    let heard: (relays: readonly PresentRelay[]) => void = () => undefined
    const present = new Promise<readonly PresentRelay[]>((resolve) => (heard = resolve))
    const watch = new RelayWatch({
      providers: extensions({ coturn: provider }),
      clock,
      random: new SeededRandom('probes'),
      logger: new RecordingLogger(),
      probe: true,
      placeOf: () => undefined,
      changed: (relays) => heard(relays),
    })
    try {
      watch.start()
      const [found] = await present
      expect(found?.endpoints).to.deep.equal([endpoint(coturn.address, coturn.port)])
      const publicKey = keyOf('peer')
      const salt = toUnpaddedBase64(sha256(publicKey))
      const expiresAt = unixTime((Math.floor(clock.unix() / SECOND) + HOUR / SECOND) * SECOND)
      const relayId = found?.id ?? ''
      const credentials = provider.credentials({ relayId, publicKey, salt, expiresAt })
      expect((await allocates(coturn.port, credentials)).state).to.equal('allocated')
      const over = provider.credentials({ relayId, publicKey, salt, expiresAt: unixTime(HOUR) })
      for (const wrong of [{ ...credentials, password: 'guessed' }, over]) {
        const refused = await allocates(coturn.port, wrong)
        expect([refused.state, refused.refusal]).to.deep.equal(['refused', 401])
      }
    } finally {
      watch.stop()
      await coturn.stop()
    }
  })
})
