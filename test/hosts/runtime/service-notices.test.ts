import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect } from 'chai'
import { describe, it } from 'mocha'
import { serviceNotices } from '../../../hosts/runtime/service-notices.ts'

/** Prints each datagram that a Unix socket receives: Node has no such sockets. */
const RECEIVER = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1].replace('@', chr(0)))
print('bound', flush=True)
while True: print(s.recv(4096).decode(), flush=True)
`

describe('messages to the service manager', () => {
  for (const kind of ['a path', 'an abstract name']) {
    it(`a service says at ${kind} that it is ready, that it lives, and that it stops`, async () => {
      const folder = await mkdtemp(join(tmpdir(), 'portreeve-notify-'))
      const path = kind === 'a path' ? join(folder, 'notify') : `@portreeve-notify-${process.pid}`
      const receiver = spawn('python3', ['-c', RECEIVER, path], { stdio: ['ignore', 'pipe', 'inherit'] })
      const lines = createInterface({ input: receiver.stdout })[Symbol.asyncIterator]()
      const next = async (): Promise<string> => String((await lines.next()).value)
      try {
        expect(await next()).to.equal('bound')
        const env: NodeJS.ProcessEnv = { NOTIFY_SOCKET: path, WATCHDOG_USEC: '30000', WATCHDOG_PID: `${process.pid}` }
        const notices = serviceNotices(env)
        expect(env, 'child processes inherit nothing of it').to.deep.equal({})
        notices.ready()
        expect([await next(), await next(), await next()]).to.deep.equal(['READY=1', 'WATCHDOG=1', 'WATCHDOG=1'])
        notices.stopping()
        let last = await next()
        while (last === 'WATCHDOG=1') last = await next()
        expect(last).to.equal('STOPPING=1')
      } finally {
        receiver.kill('SIGKILL')
        await once(receiver, 'close')
        await rm(folder, { recursive: true, force: true })
      }
    })
  }

  it('a process that is no service, or whose manager is gone, goes on in silence', () => {
    for (const env of [{}, { NOTIFY_SOCKET: '/nonexistent/notify' }, { NOTIFY_SOCKET: 'x'.repeat(200) }]) {
      const notices = serviceNotices({ ...env })
      notices.ready()
      notices.stopping()
    }
  })
})
