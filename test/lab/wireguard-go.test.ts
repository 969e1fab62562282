import { expect } from 'chai'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { spawn, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { TunnelOutput } from '../../core/contract/tunnel-transport.ts'
import { Namespace } from '../../hosts/lab/namespace.ts'
import { RunDirectory } from '../../hosts/lab/run-directory.ts'
import { WireGuardTransport } from '../../plugins/transport-wireguard/wireguard-transport.ts'
import { needsKernel } from '../kit/needs-kernel.ts'
import { SeededRandom } from '../kit/seeded-random.ts'
import { echoPacket, echoReplyTo, isEcho, type Echo } from './icmp-echo.ts'
import type { EndCommand, EndReport } from './wireguard-end.ts'
import { WireGuardGo } from './wireguard-go.ts'

const OURS = { outer: '192.0.2.1', port: 51821, inner: '100.64.0.1' }
const THEIRS = { outer: '192.0.2.2', port: 51820, inner: '100.64.0.2' }
const OUR_ENDPOINT = `${OURS.outer}:${OURS.port}`
const THEIR_ENDPOINT = `${THEIRS.outer}:${THEIRS.port}`

describe('T9 the WireGuard transport and a real wireguard-go', function () {
  needsKernel()
  this.timeout(60_000)
  const transport = new WireGuardTransport()
  const random = new SeededRandom('wireguard-go')
  const ours = transport.generateKeys(random)
  const theirs = transport.generateKeys(random)
  const presharedKey = random.bytes(32)
  let run: RunDirectory
  let wireGuardGo: WireGuardGo
  let there: Namespace
  let us: OurEnd

  beforeEach(async () => {
    run = await RunDirectory.open()
    const here = await Namespace.create(run, 'ours')
    there = await Namespace.create(run, 'theirs')
    await here.veth({ device: 'eth0', to: there, toDevice: 'eth0' })
    await here.address('eth0', `${OURS.outer}/24`)
    await there.address('eth0', `${THEIRS.outer}/24`)
    wireGuardGo = new WireGuardGo(there)
    await wireGuardGo.ready()
    us = new OurEnd(here)
    await us.open(ours.privateKey, OURS.port)
  })

  afterEach(async function () {
    const counters = await us.close()
    if (this.currentTest?.state === 'failed') {
      process.stderr.write(`${JSON.stringify(counters)}\n${wireGuardGo.log.slice(-4_000)}\n`)
    }
    await wireGuardGo.stop()
    await run.close()
  })

  const configure = async (options: { theyKnowWhere: boolean; psk?: Uint8Array }): Promise<void> => {
    await wireGuardGo.configure(
      { privateKey: theirs.privateKey, listenPort: THEIRS.port },
      {
        publicKey: ours.publicKey,
        presharedKey: options.psk ?? presharedKey,
        allowedIp: `${OURS.inner}/32`,
        ...(options.theyKnowWhere ? { endpoint: OUR_ENDPOINT } : {}),
      },
    )
    await there.address(wireGuardGo.device, `${THEIRS.inner}/24`)
    await there.ip(['link', 'set', wireGuardGo.device, 'up'])
    us.addPeer({
      publicKey: theirs.publicKey,
      presharedKey,
      ...(options.theyKnowWhere ? {} : { path: THEIR_ENDPOINT }),
    })
  }

  const ping = async (echo: Echo): Promise<void> => {
    us.send(echoPacket({ source: OURS.inner, destination: THEIRS.inner, ...echo }))
    await us.packet(`the reply to ${echo.sequence}`, (packet) => isEcho(packet, 'reply', echo))
  }

  const theirPings = async (): Promise<void> => {
    const { code, stdout } = await there.run('ping', ['-c', '5', '-i', '0.05', '-W', '5', '-s', '1200', OURS.inner])
    expect(code, stdout).to.equal(0)
    expect(stdout).to.include('5 packets transmitted, 5 received')
  }

  it('get a session that we begin, and its kernel answers pings of every size through it', async () => {
    await configure({ theyKnowWhere: false })
    for (const [sequence, size] of [0, 1, 15, 16, 17, 100, 1000, 1372, 1392].entries()) await ping({ sequence, size })
    expect(us.established).to.equal(1)
    expect((await wireGuardGo.state()).get('endpoint')).to.equal(OUR_ENDPOINT)
  })

  it('get a session that it begins, and we answer its pings', async () => {
    await configure({ theyKnowWhere: true })
    us.answerPings()
    await theirPings()
    expect(us.established).to.equal(1)
  })

  it('get through when both begin at once', async () => {
    await configure({ theyKnowWhere: true })
    us.choosePath(THEIR_ENDPOINT)
    us.answerPings()
    const theirPing = there.run('ping', ['-c', '8', '-i', '0.2', '-W', '10', OURS.inner])
    await ping({ sequence: 1, size: 64 })
    const { stdout } = await theirPing
    expect(stdout).to.include('8 received')
  })

  it('change keys after two minutes, and again after the keys expired, while traffic goes on', async () => {
    await configure({ theyKnowWhere: false })
    us.answerPings()
    await ping({ sequence: 1, size: 64 })
    // Our clocks jump, its do not: every handshake that follows is one that it agreed to.
    await theirPings()
    us.skipTime(121_000)
    await ping({ sequence: 2, size: 64 })
    await us.until('the second session', () => us.established === 2)
    await ping({ sequence: 3, size: 64 })
    await theirPings()
    us.skipTime(200_000)
    await ping({ sequence: 4, size: 64 })
    expect(us.established).to.equal(3)
  })

  it('go on after our end was restarted with the same keys', async () => {
    await configure({ theyKnowWhere: false })
    await ping({ sequence: 1, size: 64 })
    await us.restart(ours.privateKey, OURS.port + 1)
    us.addPeer({ publicKey: theirs.publicKey, presharedKey, path: THEIR_ENDPOINT })
    await ping({ sequence: 2, size: 64 })
    expect((await wireGuardGo.state()).get('endpoint')).to.equal(`${OURS.outer}:${OURS.port + 1}`)
  })

  it('get no session with another pre-shared key', async () => {
    await configure({ theyKnowWhere: false, psk: new Uint8Array(32).fill(1) })
    us.send(echoPacket({ source: OURS.inner, destination: THEIRS.inner, sequence: 1, size: 10 }))
    await us.until('its response', () => us.received.has(2))
    expect((await us.close())['wrong_key']).to.equal(1)
    expect(us.established).to.equal(0)
  })

  it('get a session while it is under load: it asks for a cookie, and gets it back', async () => {
    await configure({ theyKnowWhere: false })
    us.connect()
    await us.until('a session', () => us.established === 1)
    const first = us.sent.find(isInitiation) ?? new Uint8Array()
    const before = us.sent.length
    us.skipTime(200_000)
    // It counts as under load for a second after many handshake messages came at once; a replay with a right mac1 is enough.
    const flood = setInterval(() => us.flood(THEIR_ENDPOINT, first, 400), 100)
    try {
      await us.until('a cookie reply', () => us.received.has(3))
      us.connect()
      await us.until('a session in spite of the load', () => us.established === 2, 30_000)
    } finally {
      clearInterval(flood)
    }
    const initiations = us.sent.slice(before).filter(isInitiation)
    expect(initiations.slice(-1).map(hasMac2)).to.deep.equal([true])
    // What is left of the flood in its socket's buffer may still cost a packet.
    const echo = { sequence: 1, size: 64 }
    const request = echoPacket({ source: OURS.inner, destination: THEIRS.inner, ...echo })
    const pings = setInterval(() => us.send(request), 200)
    try {
      await us.packet('a reply', (packet) => isEcho(packet, 'reply', echo))
    } finally {
      clearInterval(pings)
    }
  })
})

const isInitiation = (datagram: Uint8Array): boolean => datagram[0] === 1
const hasMac2 = (datagram: Uint8Array): boolean => datagram.subarray(-16).some((byte) => byte !== 0)
/** Our transport in a process in its namespace. */
class OurEnd {
  readonly #namespace: Namespace
  #child: ChildProcess | undefined
  outputs: TunnelOutput[] = []
  received = new Set<number>()
  sent: Uint8Array[] = []
  #opened = false
  #counters: Readonly<Record<string, number>> | undefined
  #listeners = new Set<() => void>()
  #answers = false

  constructor(namespace: Namespace) {
    this.#namespace = namespace
  }

  get established(): number {
    return this.outputs.filter(({ type }) => type === 'sessionEstablished').length
  }

  async open(privateKey: Uint8Array, port: number): Promise<void> {
    const script = fileURLToPath(new URL('wireguard-end.js', import.meta.url))
    this.#child = spawn('ip', ['netns', 'exec', this.#namespace.name, process.execPath, script], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      serialization: 'advanced',
    })
    this.#child.on('message', (report: EndReport) => this.#take(report))
    this.#tell({ type: 'open', privateKey, port })
    await this.until('our socket', () => this.#opened)
  }

  async restart(privateKey: Uint8Array, port: number): Promise<void> {
    await this.close()
    this.#opened = false
    this.#counters = undefined
    await this.open(privateKey, port)
  }

  /** Ends the process; gives back what it had dropped. */
  async close(): Promise<Readonly<Record<string, number>>> {
    if (this.#child?.connected === true && this.#counters === undefined) {
      this.#tell({ type: 'close' })
      await this.until('the end of our process', () => this.#counters !== undefined)
    }
    return this.#counters ?? {}
  }

  addPeer(peer: { publicKey: Uint8Array; presharedKey: Uint8Array; path?: string }): void {
    this.#tell({ type: 'input', input: { type: 'peerAdded', peer: 'them', ...peer } })
  }

  choosePath(path: string): void {
    this.#tell({ type: 'input', input: { type: 'pathChosen', peer: 'them', path } })
  }

  connect(): void {
    this.#tell({ type: 'input', input: { type: 'connectRequested', peer: 'them' } })
  }

  send(packet: Uint8Array): void {
    this.#tell({ type: 'input', input: { type: 'packetQueued', peer: 'them', packet } })
  }

  skipTime(milliseconds: number): void {
    this.#tell({ type: 'skipTime', milliseconds })
  }

  flood(to: string, datagram: Uint8Array, times: number): void {
    this.#tell({ type: 'sendRaw', to, datagram, times })
  }

  answerPings(): void {
    this.#answers = true
  }

  packet(what: string, matches: (packet: Uint8Array) => boolean): Promise<void> {
    return this.until(what, () =>
      this.outputs.some((output) => output.type === 'deliverPacket' && matches(output.packet)),
    )
  }

  async until(what: string, condition: () => boolean, timeoutMs = 20_000): Promise<void> {
    if (condition()) return
    await new Promise<void>((resolve, reject) => {
      const listener = (): void => {
        if (!condition()) return
        clearTimeout(timer)
        this.#listeners.delete(listener)
        resolve()
      }
      const timer = setTimeout(() => {
        this.#listeners.delete(listener)
        reject(new Error(`${what} did not come in ${timeoutMs} ms`))
      }, timeoutMs)
      this.#listeners.add(listener)
    })
  }

  #tell(command: EndCommand): void {
    this.#child?.send(command)
  }

  #take(report: EndReport): void {
    if (report.type === 'opened') this.#opened = true
    else if (report.type === 'counters') this.#counters = report.counters
    else if (report.type === 'received') this.received.add(report.kind)
    else if (report.output.type === 'sendDatagram') this.sent.push(report.output.datagram)
    else {
      this.outputs.push(report.output)
      const reply = this.#answers && report.output.type === 'deliverPacket' && echoReplyTo(report.output.packet)
      if (reply instanceof Uint8Array) this.send(reply)
    }
    for (const listener of this.#listeners) listener()
  }
}
