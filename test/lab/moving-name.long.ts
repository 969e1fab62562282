import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { eventually } from '../../hosts/lab/eventually.ts'
import { MACHINES } from '../../hosts/lab/topology.ts'
import { needsKernel } from '../kit/needs-kernel.ts'
import { DnsLab } from './dns-lab.ts'

const NAME = 'moving.example.org'

/**
 * Script for the client's namespace: holds a connection open, and reports over it which server it is at whenever a line
 * comes.
 */
const HOLDER = `
const { createConnection } = require('node:net')
const socket = createConnection({ host: process.argv[1], port: 80, family: 4 }, () => console.log('open'))
let text = ''
socket.on('data', (part) => {
  text += part
  const found = /"server":"(\\w+)"/.exec(text)
  if (found) { console.log('at ' + found[1]); text = '' }
})
const ask = () => socket.write('GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n')
ask()
setInterval(ask, 1000)
socket.on('close', () => process.exit(1))
`

describe('a name that moves under a running flow, on the kernel', function () {
  this.timeout(180_000)
  needsKernel()
  let dns: DnsLab

  before(async () => {
    dns = await DnsLab.open({ hosts: { [NAME]: [MACHINES.web.site] }, resources: { moving: { address: NAME } } })
  })
  after(() => dns?.close())

  it('D10 a flow stays when its name moves, and new flows go to the new address once the 30 s of the cache are over', async () => {
    expect((await dns.page(`http://${NAME}/`)).server).to.equal('web')
    const holder = dns.lab.machines.client.spawn(process.execPath, ['-e', HOLDER, NAME], { name: 'holder' })
    await holder.line((line) => line === 'at web')
    // The site's name server is queried once, however often the name is asked for: each line is a second later, after
    // which only the gateway's cache keeps it from resolving the name again.
    const heard = () => dns.seen('site-dns', NAME).filter((line) => line.startsWith('query[A] ')).length
    const resolved = heard()
    for (let round = 0; round < 6; round++) {
      const held = holder.output.split('\n').length
      expect((await dns.page(`http://${NAME}/`)).server).to.equal('web')
      await eventually(() => Promise.resolve(holder.output.split('\n').length > held + 1 ? true : undefined), {
        what: 'two more lines',
        timeoutMs: 20_000,
      })
    }
    // One more query is possible if a round crossed the cache's end.
    expect(heard() - resolved).to.be.at.most(1)
    const began = performance.now()
    await dns.changeHosts({ [NAME]: [MACHINES.files.site] })
    const moved = await eventually(
      async () => ((await dns.page(`http://${NAME}/`)).server === 'files' ? performance.now() - began : undefined),
      { what: 'new flows go to the new address', timeoutMs: 150_000 },
    )
    process.stdout.write(`      new flows moved after ${Math.round(moved / 1000)} s\n`)
    const lines = holder.output.split('\n').length
    await eventually(() => Promise.resolve(holder.output.split('\n').length > lines + 2 ? true : undefined), {
      what: 'the held connection goes on',
      timeoutMs: 20_000,
    })
    expect(holder.isRunning).to.equal(true)
    expect(new Set(holder.output.split('\n').filter((line) => line.startsWith('at ')))).to.deep.equal(
      new Set(['at web']),
    )
    holder.kill()
  })
})
