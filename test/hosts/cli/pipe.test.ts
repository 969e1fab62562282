import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { describe, it } from 'mocha'
import type { ResourceStatus } from '../../../hosts/client/session/client-status.ts'
import { openClientSocket } from '../../../hosts/client/session/control-socket.ts'
import { packageRoot } from '../../../hosts/runtime/process/package-root.ts'
import { exampleClientStatus } from '../../kit/client-status.ts'

const MAIN = join(packageRoot(), 'dist/hosts/cli/main.js')

const COMMANDS = [
  ['--help'],
  ['--version'],
  ['portal', '--help'],
  ['portal', 'init', '--help'],
  ['portal', 'emergency-code', '--help'],
  ['gateway', '--help'],
  ['gateway', 'status', '--help'],
  ['client', '--help'],
  ['client', 'status', '--help'],
  ['explain', '--help'],
  ['simulate', '--help'],
  ['lab', '--help'],
  ['plugin', 'check', '--config', join(packageRoot(), 'config/client.yaml')],
]

/** Runs the command with a reader that closes the pipe after the first bytes, as `| head -1` does. */
const readOnce = (
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<{ code: number | null; first: string; stderr: string }> =>
  new Promise((resolve) => {
    const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'], env })
    let first = ''
    child.stdout.once('data', (chunk: Buffer) => {
      first = chunk.toString().split('\n')[0] ?? ''
      child.stdout.destroy()
    })
    let stderr = ''
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
    child.on('close', (code) => resolve({ code, first, stderr }))
  })

/** Runs the command with a reader that closes the pipe before reading anything: `| head -0`. */
const unread = (args: readonly string[]): Promise<{ code: number | null; signal: string | null; stderr: string }> =>
  new Promise((resolve) => {
    const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    child.stdout.destroy()
    let stderr = ''
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
    child.on('close', (code, signal) => resolve({ code, signal, stderr }))
  })

describe('a command whose reader has seen enough', function () {
  this.timeout(300_000)

  it('help, the version and a plugin check end quietly', async () => {
    const ended = await Promise.all(COMMANDS.map(async (args) => ({ args, ...(await unread(args)) })))
    expect(ended).to.deep.equal(COMMANDS.map((args) => ({ args, code: 0, signal: null, stderr: '' })))
  })

  it('client status with ten thousand resources ends quietly, with its own exit code', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'pipe-'))
    const path = join(folder, 'client.sock')
    const resource: ResourceStatus = {
      id: 'r',
      name: 'page',
      address: null,
      state: 'unreachable',
      gateway_id: null,
      reason: null,
      why: [],
    }
    const resources = Array.from({ length: 10_000 }, () => resource)
    const status = exampleClientStatus({ state: 'limited', gateways: [], resources })
    const refused = () => Promise.reject(new Error('only the status'))
    const control = await openClientSocket(path, {
      status: () => Promise.resolve(status),
      down: refused,
      'sign-in': refused,
      'sign-in-paste': refused,
      'sign-out': refused,
      'dns-query': refused,
      'want-access': refused,
    })
    try {
      const { code, first, stderr } = await readOnce(['client', 'status'], { ...process.env, PORTREEVE_SOCKET: path })
      expect({ code, stderr }).to.deep.equal({ code: 4, stderr: '' })
      expect(first).to.match(/^state +limited: 10000 resources are not reached$/)
    } finally {
      await control.close()
      await rm(folder, { recursive: true })
    }
  })
})
