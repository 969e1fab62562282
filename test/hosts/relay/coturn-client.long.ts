import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { skipBecause } from '../../kit/skip-because.ts'

const CLIENT = 'turnutils_uclient'

/** Runs coturn's client and returns the lines that it prints; undefined if it is not installed. */
const runClient = async (...settings: string[]): Promise<string | undefined> => {
  const client = spawn(CLIENT, ['-u', 'bench', '-w', 'bench', ...settings, '127.0.0.1'])
  let said = ''
  client.stdout.on('data', (data: Buffer) => (said += data.toString()))
  client.stderr.on('data', (data: Buffer) => (said += data.toString()))
  const ended = await Promise.race([once(client, 'error').then(() => false), once(client, 'close').then(() => true)])
  return ended ? said : undefined
}

describe('coturn’s own client at our relay', () => {
  let port = ''
  let end: () => void = () => undefined

  before(async () => {
    const child = fileURLToPath(new URL('../../bench/child/relay-process.js', import.meta.url))
    const relay = spawn(process.execPath, [child], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [said] = (await once(relay.stdout, 'data')) as [Buffer]
    port = said.toString().trim()
    end = () => relay.kill()
  })
  after(() => end())

  it('its clients exchange data by channels and indications, padded or not, and nothing is lost', async function () {
    // Each takes five seconds, which it mostly sleeps.
    const ways = [[], ['-s'], ['-D'], ['-G'], ['-X']]
    const all = ways.map((way) => runClient('-p', port, '-y', '-c', '-n', '20', '-z', '1', '-m', '2', ...way))
    for (const [index, said] of (await Promise.all(all)).entries()) {
      if (said === undefined) return skipBecause(this, `${CLIENT} is not installed: apt-get install coturn`)
      const way = ways[index]?.join(' ')
      expect(said, way).to.match(/tot_send_msgs=40, tot_recv_msgs=40/)
      expect(said, way).to.match(/Total lost packets 0 /)
    }
  })
})
