import { connect, type Socket } from 'node:net'
import { expect } from 'chai'
import { afterEach, beforeEach, describe, it } from 'mocha'
import type { DnsListener } from '../../../core/runtime/dns-listener.ts'
import { createDnsListeners } from '../../../hosts/runtime/index.ts'

const PORT = 53_530

const framed = (...messages: string[]): Buffer =>
  Buffer.concat(
    messages.map((text) => Buffer.concat([Buffer.from([text.length >> 8, text.length & 0xff]), Buffer.from(text)])),
  )

describe('DNS over TCP', () => {
  let listener: DnsListener
  let queries: string[]
  let client: Socket

  const open = () =>
    createDnsListeners().open({
      address: '127.0.0.1',
      port: PORT,
      onQuery: (connection, message) => {
        const text = Buffer.from(message).toString('utf8')
        queries.push(text)
        if (text !== 'silence') listener.answer(connection, Buffer.from(`answer to ${text}`))
      },
      onError: (error) => {
        throw error
      },
    })

  beforeEach(async () => {
    queries = []
    listener = await open()
    client = connect(PORT, '127.0.0.1')
    await new Promise((resolve) => client.once('connect', resolve))
  })

  afterEach(async () => {
    client.destroy()
    await listener.close()
  })

  const read = (length: number): Promise<Buffer> =>
    new Promise((resolve, reject) => {
      let got: Buffer = Buffer.alloc(0)
      client.on('data', (chunk: Buffer) => {
        got = Buffer.concat([got, chunk])
        if (got.length >= length) resolve(got)
      })
      client.on('close', () => reject(new Error('closed')))
    })

  it('answers messages of one connection, however they are cut', async () => {
    const expected = framed('answer to one', 'answer to two')
    const answers = read(expected.length)
    const bytes = framed('one', 'two')
    client.write(bytes.subarray(0, 1))
    await new Promise((resolve) => setImmediate(resolve))
    client.write(bytes.subarray(1, 4))
    client.write(bytes.subarray(4))
    expect(await answers).to.deep.equal(expected)
    expect(queries).to.deep.equal(['one', 'two'])
  })

  it('ends a connection that asks without end and takes no answer', async () => {
    const closed = new Promise((resolve) => client.once('close', resolve))
    client.on('error', () => undefined)
    client.resume()
    client.write(framed(...Array.from({ length: 100 }, () => 'silence')))
    await closed
    expect(queries.length).to.be.at.most(32)
  })

  it('rejects with the system’s code where the address is taken', async () => {
    const failure = await open().then(
      () => undefined,
      (error: unknown) => error,
    )
    expect(failure).to.have.property('code', 'EADDRINUSE')
  })
})
