// Runs in a namespace of its own, see lane-thread.test.ts: blocks the thread that owns a client's lane until another
// process has connected through the lane and is done. The lane's flows turn TCP to a sentinel around: each of its
// packets passes the lane twice.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ClientFlowsInput } from '../../core/flow/client/client-flows.ts'
import type { LaneCommand } from '../../core/flow/lane.ts'
import { SystemClock } from '../../hosts/runtime/clock.ts'
import { WorkerCarrier } from '../../hosts/runtime/lane/worker-carrier.ts'
import { PATIENCE_MS } from '../kit/patience.ts'

const OWN = { ipv4: '100.64.0.2', ipv6: 'fd00:2021:1111::2' }
const SENTINEL = '100.100.111.1'
const LISTENER = 45_300

const entry = new URL('../../hosts/client/lane-worker.js', import.meta.url)
const carrier = await WorkerCarrier.open<LaneCommand<ClientFlowsInput>, unknown>(entry, {
  clockOrigin: new SystemClock().origin,
  device: { name: 'tun-blocked', mtu: 1280 },
  udp: { port: 0 },
  onDatagrams: () => undefined,
  onTunPackets: () => undefined,
  onReport: () => undefined,
  onFailure: (error) => {
    throw error
  },
  onSocketError: () => undefined,
})
for (const command of [
  ['address', 'add', `${OWN.ipv4}/32`, 'dev', 'tun-blocked'],
  ['link', 'set', 'tun-blocked', 'up'],
  ['route', 'add', '100.64.0.0/10', 'dev', 'tun-blocked'],
]) {
  execFileSync('ip', command)
}
carrier.tell({ type: 'tellFlows', input: { type: 'interfaceConfigured', ...OWN } })
carrier.tell({ type: 'tellFlows', input: { type: 'sentinelsChanged', addresses: [SENTINEL] } })
carrier.tell({ type: 'tellFlows', input: { type: 'listenersOpened', ports: { ipv4: LISTENER } } })
carrier.flush()

const echo = fileURLToPath(new URL('./echo-server.js', import.meta.url))
const client = fileURLToPath(new URL('./echo-client.js', import.meta.url))
const server = spawn(process.execPath, [echo, OWN.ipv4, String(LISTENER)], { stdio: ['ignore', 'pipe', 'inherit'] })
await once(server.stdout, 'data')
const folder = mkdtempSync(join(tmpdir(), 'portreeve-blocked-'))
const done = join(folder, 'done')
// The process reports its end by a file: no event reaches this thread meanwhile.
const script = `"$0" "${client}" ${SENTINEL} 53 400000; : > "$1"`
const other = spawn('sh', ['-c', script, process.execPath, done], { stdio: ['ignore', 'pipe', 'inherit'] })
let told = ''
other.stdout.on('data', (text: Buffer) => (told += text.toString()))
const end = Date.now() + PATIENCE_MS
const blocked = new Int32Array(new SharedArrayBuffer(4))
while (!existsSync(done) && Date.now() < end) Atomics.wait(blocked, 0, 0, 20)
const wasDoneMeanwhile = existsSync(done)
await once(other, 'close')
process.stdout.write(`${JSON.stringify({ ...(JSON.parse(told) as object), wasDoneMeanwhile })}\n`)
rmSync(folder, { recursive: true })
server.kill()
await carrier.close()
process.exit(0)
