import { Worker } from 'node:worker_threads'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect } from 'chai'
import { describe, it } from 'mocha'
import { TUN_ROW, UDP_ROW, UDP_SLOT_BYTES, loadAddon } from '../../../hosts/runtime/native/addon.ts'
import { packageRoot } from '../../../hosts/runtime/process/package-root.ts'

const FRAME_BYTES = 1 << 17

/** Source of a worker that waits for two sockets and reports what wakes it. */
const CODE = `
  const { workerData, parentPort } = require('node:worker_threads')
  const addon = require(workerData.file)
  const ports = [addon.openUdp(4, workerData.row, 0), addon.openUdp(4, workerData.row, 0)]
  const frames = new Uint8Array(${FRAME_BYTES})
  const messages = new Uint8Array(2 * ${UDP_SLOT_BYTES})
  const [frameRows, rows, count] = [new Uint32Array(${TUN_ROW}), new Uint32Array(2 * ${UDP_ROW}), new Uint32Array(1)]
  const set = addon.openPortSet(ports, () => {
    for (;;) {
      const port = addon.wait(set, frames, frameRows, messages, rows, count)
      if (port === 0) return
      for (let row = 0; row < count[0]; row++) {
        const at = row * ${UDP_ROW}
        parentPort.postMessage({ port, text: Buffer.from(messages.subarray(rows[at], rows[at] + rows[at + 1])).toString() })
      }
    }
  })
  parentPort.on('message', (what) => {
    if (what === 'timer') setTimeout(() => parentPort.postMessage('timer'), 10)
    else if (what === 'throw') setImmediate(() => { throw new Error('wanted') })
    else if (what === 'exit') process.exit(3)
    else if (what === 'close') {
      addon.closePortSet(set)
      addon.closePortSet(set)
      for (const port of ports) addon.close(port)
      parentPort.close()
    } else parentPort.postMessage(what)
  })
  parentPort.postMessage(ports.map((port) => addon.udpPort(port)))
`

const tell = (worker: Worker, what: string): void => {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's, not a window's
  worker.postMessage(what)
}

describe('a port set', () => {
  const start = async (): Promise<{ worker: Worker; ports: number[]; next: () => Promise<unknown> }> => {
    const file = join(packageRoot(), 'hosts/runtime/native/build/Release/portreeve.node')
    const row = new Uint32Array(UDP_ROW)
    row[4] = 0x7f00_0001
    const worker = new Worker(CODE, { eval: true, workerData: { file, row } })
    const next = async (): Promise<unknown> => ((await once(worker, 'message')) as unknown[])[0]
    return { worker, ports: (await next()) as number[], next }
  }

  it('a port set wakes for packets of each port, and for messages and timers of the thread in between', async () => {
    const { worker, ports, next } = await start()
    const socket = createSocket('udp4')
    try {
      for (const [index, port] of ports.entries()) {
        const woken = next()
        socket.send(`to ${index}`, port, '127.0.0.1')
        expect(await woken).to.deep.equal({ port: index + 1, text: `to ${index}` })
        for (const what of ['message', 'timer']) {
          const answer = next()
          tell(worker, what)
          expect(await answer).to.equal(what)
        }
      }
    } finally {
      socket.close()
      await worker.terminate()
    }
  })

  it('a port set loses none of many packets that come while the thread is asked things', async () => {
    const { worker, ports } = await start()
    const socket = createSocket('udp4')
    try {
      const heard: unknown[] = []
      const total = 400
      const all = new Promise((resolve) => {
        worker.on('message', (what: unknown) => {
          heard.push(what)
          if (heard.length === total) resolve(undefined)
        })
      })
      const [port] = ports
      for (let index = 0; index < total / 2; index++) {
        await new Promise((resolve) => socket.send(`${index}`, port, '127.0.0.1', resolve))
        tell(worker, `${index}`)
      }
      await all
      const packets = heard.filter((what) => typeof what === 'object').map((what) => (what as { text: string }).text)
      expect(packets).to.deep.equal(Array.from({ length: total / 2 }, (_, index) => `${index}`))
    } finally {
      socket.close()
      await worker.terminate()
    }
  })

  it('a port set lets its thread end, be ended, fail and close it while it sleeps', async () => {
    for (const [what, code] of [
      ['exit', 3],
      ['close', 0],
      ['throw', 1],
      [undefined, 1],
    ] as const) {
      const { worker } = await start()
      const failures: unknown[] = []
      worker.on('error', (error: unknown) => failures.push(error))
      const ended = new Promise((resolve) => worker.on('exit', resolve))
      if (what === undefined) await worker.terminate()
      else tell(worker, what)
      expect(await ended, what ?? 'terminate').to.equal(code)
      expect(failures.map(String)).to.deep.equal(what === 'throw' ? ['Error: wanted'] : [])
    }
  })

  it('a port set takes one to eight open ports, and buffers that hold at least one packet', () => {
    const addon = loadAddon()
    const port = addon.openUdp(4, new Uint32Array(UDP_ROW), 0)
    const never = (): void => undefined
    for (const ports of [[], Array.from({ length: 9 }, () => port), [{} as typeof port]]) {
      expect(() => addon.openPortSet(ports, never))
        .to.throw()
        .with.property('code', 'ERR_INVALID_ARG_TYPE')
    }
    // One port twice is an error: epoll has it already.
    expect(() => addon.openPortSet([port, port], never))
      .to.throw()
      .with.property('code', 'EEXIST')
    const set = addon.openPortSet([port], never)
    const wait = (frames: number, messages: number): unknown =>
      addon.wait(
        set,
        new Uint8Array(frames),
        new Uint32Array(TUN_ROW),
        new Uint8Array(messages),
        new Uint32Array(UDP_ROW),
        new Uint32Array(1),
      )
    expect(() => wait(FRAME_BYTES, 9))
      .to.throw()
      .with.property('code', 'EINVAL')
    expect(() => wait(9, UDP_SLOT_BYTES))
      .to.throw()
      .with.property('code', 'EINVAL')
    addon.closePortSet(set)
    expect(() => wait(FRAME_BYTES, UDP_SLOT_BYTES))
      .to.throw()
      .with.property('code', 'EBADF')
    addon.close(port)
    expect(() => addon.openPortSet([port], never))
      .to.throw()
      .with.property('code', 'EBADF')
  })
})
