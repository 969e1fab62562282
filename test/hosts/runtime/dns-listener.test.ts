import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { expect } from 'chai'
import { afterEach, beforeEach, describe, it } from 'mocha'
import type { DnsListener } from '../../../core/runtime/dns-listener.ts'
import { TcpDnsListeners } from '../../../hosts/runtime/dns-listener.ts'

const PORT = 53_530

const framed = (...messages: string[]): Buffer =>
  Buffer.concat(
    messages.map((text) => Buffer.concat([Buffer.from([text.length >> 8, text.length & 0xff]), Buffer.from(text)])),
  )

describe('DNS over TCP', () => {
  let listener: DnsListener
  let queries: string[]
  /** Releases the waiting answers. */
  let give: () => void
  let given: Promise<void>
  const clients: Socket[] = []

  const open = (idleMs?: number) =>
    new TcpDnsListeners(idleMs === undefined ? {} : { idleMs }).open({
      address: '127.0.0.1',
      port: PORT,
      onQuery: (connection, message) => {
        const text = Buffer.from(message).toString('utf8')
        queries.push(text)
        const answer = text.startsWith('long') ? 'x'.repeat(60_000) : `answer to ${text}`
        const reply = () => listener.answer(connection, Buffer.from(answer))
        if (text.startsWith('slow')) void given.then(reply)
        else reply()
      },
      onError: (error) => {
        throw error
      },
    })

  const join = async (from = '127.0.0.1'): Promise<Socket> => {
    const client = connect({ port: PORT, host: '127.0.0.1', localAddress: from, allowHalfOpen: true })
    clients.push(client)
    client.on('error', () => undefined)
    await once(client, 'connect')
    return client
  }

  beforeEach(async () => {
    queries = []
    given = new Promise((resolve) => (give = resolve))
    listener = await open()
  })

  afterEach(async () => {
    for (const client of clients.splice(0)) client.destroy()
    await listener.close()
  })

  const read = (client: Socket, length: number): Promise<Buffer> =>
    new Promise((resolve, reject) => {
      let got: Buffer = Buffer.alloc(0)
      const onData = (chunk: Buffer): void => {
        got = Buffer.concat([got, chunk])
        if (got.length < length) return
        client.off('data', onData).off('close', onClose)
        resolve(got)
      }
      const onClose = () => reject(new Error('closed'))
      client.on('data', onData).on('close', onClose)
    })

  const ask = async (client: Socket, text: string): Promise<Buffer> => {
    const answer = read(client, framed(`answer to ${text}`).length)
    client.write(framed(text))
    return answer
  }

  /** Waits until no more queries of this kind are heard while others are; returns how many were heard. */
  const settled = async (kind: string): Promise<number> => {
    const count = () => queries.filter((text) => text.startsWith(kind)).length
    const other = await join('127.0.0.9')
    for (let heard = -1; ; heard = count()) {
      for (let round = 0; round < 20; round++) await ask(other, 'another')
      if (heard === count()) return heard
    }
  }

  it('DNS over TCP answers messages of one connection, however they are cut', async () => {
    const client = await join()
    const expected = framed('answer to one', 'answer to two')
    const answers = read(client, expected.length)
    const bytes = framed('one', 'two')
    client.write(bytes.subarray(0, 1))
    await new Promise((resolve) => setImmediate(resolve))
    client.write(bytes.subarray(1, 4))
    client.write(bytes.subarray(4))
    expect(await answers).to.deep.equal(expected)
    expect(queries).to.deep.equal(['one', 'two'])
  })

  it('DNS over TCP answers all of many queries that come at once, though few of them wait at a time', async () => {
    // RFC 7766 §6.2.1.1
    const client = await join()
    const texts = Array.from({ length: 100 }, (_, at) => `slow ${at}`)
    const expected = framed(...texts.map((text) => `answer to ${text}`))
    const answers = read(client, expected.length)
    client.write(framed(...texts))
    expect(await settled('slow')).to.be.within(1, 32)
    give()
    expect(await answers).to.deep.equal(expected)
  })

  it('DNS over TCP hears no more queries of an asker that reads no answers, and all of them once it does', async () => {
    const deaf = await join()
    deaf.pause()
    deaf.write(framed(...Array.from({ length: 2_000 }, (_, at) => `long ${at}`)))
    expect(await settled('long')).to.be.within(1, 1_000)
    await new Promise<void>((resolve) => {
      let received = 0
      deaf.on('data', (chunk: Buffer) => {
        received += chunk.length
        if (received === 2_000 * 60_002) resolve()
      })
      deaf.resume()
    })
  })

  it('DNS over TCP answers an asker that has closed its half of the connection, and then closes the other', async () => {
    const client = await join()
    const answer = read(client, framed('answer to slow words').length)
    const ended = once(client, 'end')
    client.end(framed('slow words'))
    expect(await settled('slow')).to.equal(1)
    give()
    expect(await answer).to.deep.equal(framed('answer to slow words'))
    await ended
  })

  it('DNS over TCP serves an asker while another one holds all the connections that it may have', async () => {
    await Promise.all(Array.from({ length: 40 }, () => join('127.0.0.2')))
    expect(await ask(await join('127.0.0.3'), 'one')).to.deep.equal(framed('answer to one'))
  })

  it('DNS over TCP closes the connection of an asker that is idle for the longest where it opens one too many', async () => {
    const [first, ...rest] = [await join(), await join(), await join()]
    if (first === undefined) throw new Error('no connection')
    const closed = Promise.all(rest.map((one) => once(one, 'end')))
    await ask(first, 'something')
    for (let at = 0; at < 9; at++) await join()
    await closed
    expect(await ask(first, 'something')).to.deep.equal(framed('answer to something'))
  })

  it('DNS over TCP closes a connection that is idle, whatever bytes come that are no whole message', async () => {
    await listener.close()
    listener = await open(50)
    const client = await join()
    client.resume()
    const trickle = setInterval(() => client.write(Uint8Array.of(1)), 5)
    // A byte that is on its way while the connection is closed is answered with a reset, in which case no end may be
    // seen.
    const code = await new Promise<string | undefined>((resolve) => {
      client.once('end', () => resolve(undefined))
      client.once('error', (error: NodeJS.ErrnoException) => resolve(error.code))
    })
    clearInterval(trickle)
    expect(code).to.be.oneOf([undefined, 'ECONNRESET', 'EPIPE'])
    expect(queries).to.deep.equal([])
  })

  it('DNS over TCP rejects with the system’s code where the address is taken', async () => {
    const failure = await open().then(
      () => undefined,
      (error: unknown) => error,
    )
    expect(failure).to.have.property('code', 'EADDRINUSE')
  })
})
