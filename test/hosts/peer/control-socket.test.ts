import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect } from 'chai'
import * as fc from 'fast-check'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { OperatorError } from '../../../core/config/operator-error.ts'
import { askClient, openClientSocket, type ClientCommand } from '../../../hosts/client/session/control-socket.ts'
import type { ControlHandlers, ControlSocket } from '../../../hosts/peer/control-socket.ts'

const HANDLERS: ControlHandlers<ClientCommand> = {
  status: () => Promise.resolve({ state: 'connected' }),
  down: () => Promise.resolve(undefined),
  'sign-in': () => Promise.reject(new OperatorError('SIGNED_IN', 'this client is signed in.')),
  'sign-in-paste': () => Promise.resolve(null),
  'sign-out': () => Promise.reject(new Error('out of luck')),
  'dns-query': (input) => Promise.resolve({ input }),
  'want-access': () => Promise.resolve(null),
}

describe('hosts/peer/control-socket', () => {
  let folder: string
  let path: string
  let control: ControlSocket | undefined

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'control-'))
    path = join(folder, 'client.sock')
  })
  afterEach(async () => {
    await control?.close()
    control = undefined
    await rm(folder, { recursive: true })
  })

  it('the control socket answers a command with its handler’s result', async () => {
    control = await openClientSocket(path, HANDLERS)
    expect(await askClient(path, 'status')).to.deep.equal({ state: 'connected' })
    expect(await askClient(path, 'down')).to.equal(null)
  })

  it('the control socket passes on the code and the words of a refusal', async () => {
    control = await openClientSocket(path, HANDLERS)
    expect(await failure(askClient(path, 'sign-in'))).to.include({ code: 'SIGNED_IN' })
    expect(await failure(askClient(path, 'sign-out'))).to.include({ code: 'FAILED', message: 'Error: out of luck' })
  })

  it('the control socket is open to its user only', async () => {
    control = await openClientSocket(path, HANDLERS)
    expect((await stat(path)).mode & 0o777).to.equal(0o600)
  })

  it('a second client on the same control socket is refused, and the first one stays', async () => {
    control = await openClientSocket(path, HANDLERS)
    expect(await failure(openClientSocket(path, HANDLERS))).to.include({ code: 'CLIENT_RUNNING' })
    expect(await askClient(path, 'status')).to.deep.equal({ state: 'connected' })
  })

  it('a control socket that a killed client left is replaced', async () => {
    const killed = createServer().listen(path)
    await new Promise((resolve) => killed.once('listening', resolve))
    // Closing a server removes its socket; a killed process does not.
    const left = join(folder, 'left.sock')
    await import('node:fs/promises').then(({ link }) => link(path, left))
    await new Promise((resolve) => killed.close(resolve))
    control = await openClientSocket(left, HANDLERS)
    expect(await askClient(left, 'status')).to.deep.equal({ state: 'connected' })
  })

  it('a command says that no client runs where there is no control socket, or none that answers', async () => {
    expect(await failure(askClient(path, 'status'))).to.include({ code: 'CLIENT_NOT_RUNNING' })
    await writeFile(path, '')
    expect(await failure(askClient(path, 'status'))).to.include({ code: 'CLIENT_NOT_RUNNING' })
  })

  it('a command gives up on a client that does not answer on its control socket in time', async () => {
    const silent = createServer().listen(path)
    await new Promise((resolve) => silent.once('listening', resolve))
    expect(await failure(askClient(path, 'status', { timeoutMs: 30 }))).to.include({ code: 'CLIENT_NOT_RUNNING' })
    silent.close()
  })

  it('the control socket still answers the command that closes it', async () => {
    for (let round = 0; round < 20; round++) {
      const closing: Promise<void>[] = []
      const open = await openClientSocket(path, {
        ...HANDLERS,
        down: () => {
          closing.push(open.close())
          return Promise.resolve(null)
        },
      })
      expect(await askClient(path, 'down')).to.equal(null)
      await Promise.all(closing)
    }
  })

  it('the control socket is removed when it closes', async () => {
    control = await openClientSocket(path, HANDLERS)
    await control.close()
    control = undefined
    expect(await failure(askClient(path, 'status'))).to.include({ code: 'CLIENT_NOT_RUNNING' })
  })

  it('the control socket answers any line with a reason, and several in order', async () => {
    control = await openClientSocket(path, HANDLERS)
    await fc.assert(
      fc.asyncProperty(fc.array(fc.string({ maxLength: 200 }), { maxLength: 5 }), async (lines) => {
        const requests = lines.map((line) => line.replaceAll('\n', ' ')).filter((line) => line !== '')
        const answers = await send(path, [...requests, '{"command":"status"}', ''].join('\n'), requests.length + 1)
        for (const answer of answers.slice(0, -1)) expect(answer).to.include({ ok: false, code: 'BAD_REQUEST' })
        expect(answers.at(-1)).to.deep.equal({ ok: true, result: { state: 'connected' } })
      }),
      { numRuns: 50 },
    )
  })

  it('the control socket ends a connection that sends a line without end, and goes on serving others', async () => {
    control = await openClientSocket(path, HANDLERS)
    const socket = connect(path)
    socket.on('error', () => undefined)
    socket.write('x'.repeat(10_000))
    await new Promise((resolve) => socket.once('close', resolve))
    expect(await askClient(path, 'status')).to.deep.equal({ state: 'connected' })
  })
})

const failure = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  )

/** Sends text and collects answers until there are `count` of them. */
const send = async (path: string, input: string, count: number): Promise<unknown[]> => {
  const socket = connect(path)
  socket.write(input)
  let seen = 0
  socket.on('data', (chunk: Buffer) => {
    seen += chunk.toString().split('\n').length - 1
    if (seen === count) socket.end()
  })
  const answers = await text(socket)
  return answers
    .split('\n')
    .filter((line) => line !== '')
    .map((line): unknown => JSON.parse(line))
}
