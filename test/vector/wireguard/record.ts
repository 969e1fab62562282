// Records handshake.json: what a real wireguard-go answers to handshakes whose every secret on our side is fixed. Needs root and
// wireguard-go. Run after a build: node dist/test/vector/wireguard/record.js > test/vector/wireguard/handshake.json
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { tai64n } from '../../../core/crypto/tai64n.ts'
import { toHex } from '../../../core/crypto/text-encoding.ts'
import { sha256 } from '../../../core/crypto/hash.ts'
import { X25519PrivateKey } from '../../../core/crypto/x25519.ts'
import { instant, unixTime } from '../../../core/runtime/time.ts'
import { Namespace } from '../../../hosts/lab/namespace.ts'
import { RunDirectory } from '../../../hosts/lab/run-directory.ts'
import {
  readInitiation,
  readResponse,
  writeInitiation,
  writeResponse,
} from '../../../plugins/transport-wireguard/handshake.ts'
import { macKeysOf } from '../../../plugins/transport-wireguard/identity.ts'
import { writeMacs } from '../../../plugins/transport-wireguard/macs.ts'
import { parseMessage } from '../../../plugins/transport-wireguard/messages.ts'
import { Session } from '../../../plugins/transport-wireguard/session.ts'
import { echoPacket } from '../../lab/icmp-echo.ts'
import { WireGuardGo } from '../../lab/wireguard-go.ts'

const secret = (name: string): Uint8Array => sha256(`portreeve wireguard vectors: ${name}`)
const OURS = new X25519PrivateKey(secret('ours'))
const THEIRS = new X25519PrivateKey(secret('theirs'))
const PRESHARED_KEY = secret('pre-shared key')
const NOW = instant(0)
const remote = { publicKey: THEIRS.publicKey, staticSecret: OURS.agree(THEIRS.publicKey), presharedKey: PRESHARED_KEY }
const macs = macKeysOf(THEIRS.publicKey)

/** Runs the handshakes, in the namespace beside wireguard-go's. */
const converse = async (): Promise<void> => {
  const socket = createSocket('udp4')
  socket.bind(51821, '192.0.2.1')
  await once(socket, 'listening')
  const send = (datagram: Uint8Array): void => socket.send(datagram, 51820, '192.0.2.2')
  const received: Uint8Array[] = []
  socket.on('message', (datagram) => received.push(new Uint8Array(datagram)))
  const next = async (type: ReturnType<typeof parseMessage>['type']): Promise<Uint8Array> => {
    for (;;) {
      const index = received.findIndex((datagram) => parseMessage(datagram).type === type)
      const [found] = index < 0 ? [] : received.splice(index, 1)
      if (found !== undefined) return found
      await once(socket, 'message', { signal: AbortSignal.timeout(60_000) })
    }
  }

  const asInitiator = await (async () => {
    const timestamp = tai64n(unixTime(Date.UTC(2026, 0, 5, 9)))
    const ephemeral = new X25519PrivateKey(secret('first ephemeral'))
    const written = writeInitiation({ local: OURS, remote, ephemeral, timestamp, sender: 0x01020304 })
    if ('refused' in written) throw new Error(written.refused)
    writeMacs(written.datagram, macs.mac1Key, undefined)
    send(written.datagram)
    const response = await next('response')
    const message = parseMessage(response)
    if (message.type !== 'response') throw new Error('unreachable')
    const read = readResponse(message, written.pending, { local: OURS, remote })
    if (read.type === 'refused') throw new Error(read.reason)
    const keys = { ...read.secrets, localIndex: message.receiver, remoteIndex: message.sender, isInitiator: true }
    const session = new Session({ ...keys, createdAt: NOW })
    const packet = echoPacket({ source: '100.64.0.1', destination: '100.64.0.2', sequence: 1, size: 21 })
    const sealed = session.seal(packet)
    send(sealed)
    return {
      ephemeral: toHex(secret('first ephemeral')),
      timestamp: toHex(timestamp),
      sender: 0x01020304,
      initiation: toHex(written.datagram),
      response: toHex(response),
      packet: toHex(packet),
      data: toHex(sealed),
      dataReceived: toHex(await next('data')),
    }
  })()

  // The parent restarts wireguard-go with our endpoint, and pings.
  process.send?.({ asInitiator })
  const initiation = await next('initiation')
  const message = parseMessage(initiation)
  if (message.type !== 'initiation') throw new Error('unreachable')
  const read = readInitiation(message, OURS, () => remote)
  if (read.type === 'refused') throw new Error(read.reason)
  const written = writeResponse({
    noise: read.noise,
    remote,
    remoteEphemeral: read.ephemeral,
    ephemeral: new X25519PrivateKey(secret('second ephemeral')),
    sender: 0x05060708,
    receiver: read.sender,
  })
  if ('refused' in written) throw new Error(written.refused)
  writeMacs(written.datagram, macs.mac1Key, undefined)
  send(written.datagram)
  const asResponder = {
    ephemeral: toHex(secret('second ephemeral')),
    sender: 0x05060708,
    initiation: toHex(initiation),
    timestamp: toHex(read.timestamp),
    response: toHex(written.datagram),
    dataReceived: toHex(await next('data')),
  }
  process.send?.({ asResponder })
  socket.close()
  process.disconnect()
}

const record = async (): Promise<void> => {
  const run = await RunDirectory.open()
  try {
    const here = await Namespace.create(run, 'ours')
    const there = await Namespace.create(run, 'theirs')
    await here.veth({ device: 'eth0', to: there, toDevice: 'eth0' })
    await here.address('eth0', '192.0.2.1/24')
    await there.address('eth0', '192.0.2.2/24')
    const start = async (endpoint?: string): Promise<WireGuardGo> => {
      const wireGuardGo = new WireGuardGo(there)
      await wireGuardGo.ready()
      await wireGuardGo.configure(
        { privateKey: secret('theirs'), listenPort: 51820 },
        {
          publicKey: OURS.publicKey.bytes,
          presharedKey: PRESHARED_KEY,
          allowedIp: '100.64.0.1/32',
          ...(endpoint === undefined ? {} : { endpoint }),
        },
      )
      await there.address(wireGuardGo.device, '100.64.0.2/24')
      await there.ip(['link', 'set', wireGuardGo.device, 'up'])
      return wireGuardGo
    }
    let wireGuardGo = await start()
    const script = fileURLToPath(import.meta.url)
    const child = spawn('ip', ['netns', 'exec', here.name, process.execPath, script, 'converse'], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    const [first] = (await once(child, 'message')) as [Record<string, unknown>]
    await wireGuardGo.stop()
    wireGuardGo = await start('192.0.2.1:51821')
    const pings = there.run('ping', ['-c', '1', '-W', '3', '100.64.0.1'])
    const [second] = (await once(child, 'message')) as [Record<string, unknown>]
    await pings
    await wireGuardGo.stop()
    const keys = {
      ours: toHex(secret('ours')),
      theirs: toHex(secret('theirs')),
      presharedKey: toHex(PRESHARED_KEY),
    }
    const about = 'Handshakes with a real wireguard-go; integers are little-endian in the datagrams. See ../SOURCES.md'
    process.stdout.write(`${JSON.stringify({ about, keys, ...first, ...second }, null, 2)}\n`)
  } finally {
    await run.close()
  }
}

await (process.argv[2] === 'converse' ? converse() : record())
