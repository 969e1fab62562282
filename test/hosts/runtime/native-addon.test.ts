import { once } from 'node:events'
import { createServer } from 'node:net'
import { Worker } from 'node:worker_threads'
import { join } from 'node:path'
import { expect } from 'chai'
import * as fc from 'fast-check'
import { describe, it } from 'mocha'
import { UDP_ROW, loadAddon } from '../../../hosts/runtime/native/addon.ts'
import { packageRoot } from '../../../hosts/runtime/process/package-root.ts'

describe('the native addon', () => {
  it('the native addon answers any arguments with a result or an error that has a code', () => {
    const addon = loadAddon()
    const port = addon.openUdp(4, new Uint32Array(UDP_ROW), 0)
    const lane = addon.createLane()
    // Called as JavaScript may: without types.
    const functions: [string, (...values: unknown[]) => unknown][] = Object.entries(addon).filter(
      ([name]) => !['openTun', 'openTcp', 'close', 'watch', 'openPortSet', 'createLane', 'chooseCipher'].includes(name),
    )
    const argument = fc.oneof(
      fc.constant(port),
      fc.constant(lane),
      fc.anything(),
      fc.nat(10),
      fc.nat(70_000).map((length) => new Uint8Array(length)),
      fc.uint32Array({ maxLength: 40 }),
      fc.constantFrom(4, 6, Number.NaN, -1, 2 ** 32, 1.5, 2 ** 53),
    )
    fc.assert(
      fc.property(fc.constantFrom(...functions), fc.array(argument, { maxLength: 8 }), ([, call], values) => {
        let result: unknown
        try {
          result = call(...values)
        } catch (error) {
          if (!(error instanceof Error) || !('code' in error)) throw error
          return
        }
        // Random arguments may have opened a port: it is closed again.
        if (typeof result === 'object' && result !== null) addon.close(result as typeof port)
      }),
      { numRuns: 5_000 },
    )
    addon.close(port)
  })

  it('the native addon never reads or writes beyond the buffer, whatever the rows say', () => {
    const addon = loadAddon()
    const port = addon.openUdp(4, new Uint32Array(UDP_ROW), 0)
    const word = fc.oneof(fc.nat(100), fc.constantFrom(0xffff_ffff, 0x8000_0000, 65_507), fc.nat(0xffff_ffff))
    fc.assert(
      fc.property(fc.array(word, { maxLength: UDP_ROW * 8 }), fc.nat(10), (words, count) => {
        const table = Uint32Array.from(words)
        for (let at = 0; at + UDP_ROW <= table.length; at += UDP_ROW) table.set([9, 0x7f00_0001], at + 3)
        try {
          const sent = addon.sendUdp(port, new Uint8Array(64), table, count)
          expect(sent).to.be.at.most(count)
        } catch (error) {
          if (!(error instanceof Error) || !('code' in error)) throw error
        }
      }),
      { numRuns: 2_000 },
    )
    addon.close(port)
  })

  it('the native addon says that a closed port is closed, and refuses objects that are none', () => {
    const addon = loadAddon()
    const port = addon.openUdp(4, new Uint32Array(UDP_ROW), 0)
    addon.close(port)
    addon.close(port)
    expect(() => addon.udpPort(port))
      .to.throw()
      .with.property('code', 'EBADF')
    expect(() => addon.udpPort({} as typeof port))
      .to.throw()
      .with.property('code', 'ERR_INVALID_ARG_TYPE')
    expect(() => addon.readTun(port, new Uint8Array(1), new Uint32Array(3)))
      .to.throw()
      .with.property('code', 'ERR_INVALID_ARG_TYPE')
  })

  it('the native addon follows no pointer of another addon, or of Node itself', async () => {
    const addon = loadAddon()
    const server = createServer().listen(0)
    await once(server, 'listening')
    // A native pointer that JavaScript can hold, as our ports are.
    const { _handle: handle } = server as unknown as { _handle: { _externalStream?: object } }
    const external = handle._externalStream
    expect(external).to.be.an('object')
    const own = addon.openUdp(4, new Uint32Array(UDP_ROW), 0)
    for (const stranger of [external, addon.createLane()] as (typeof own)[]) {
      expect(() => addon.udpPort(stranger))
        .to.throw()
        .with.property('code', 'ERR_INVALID_ARG_TYPE')
    }
    addon.close(own)
    server.close()
  })

  it('the native addon lets a worker end, and be ended, with sockets open and watched', async () => {
    const file = join(packageRoot(), 'hosts/runtime/native/build/Release/portreeve.node')
    const code = `
      const { workerData, parentPort } = require('node:worker_threads')
      const addon = require(workerData.file)
      for (let index = 0; index < 5; index++) {
        const port = addon.openUdp(4, new Uint32Array(8), 0)
        addon.watch(port, () => undefined)
        if (index === 0) addon.close(port)
      }
      parentPort.postMessage('ready')
      if (workerData.exits) process.exit(3)
    `
    for (const exits of [true, false]) {
      const worker = new Worker(code, { eval: true, workerData: { file, exits } })
      const ended = new Promise<number>((resolve) => worker.once('exit', resolve))
      if (!exits) {
        await new Promise((resolve) => worker.once('message', resolve))
        await worker.terminate()
      }
      expect(await ended).to.equal(exits ? 3 : 1)
    }
  })
})
