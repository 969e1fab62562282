import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { expect } from 'chai'
import { describe, it } from 'mocha'
import { packageRoot } from '../../../hosts/runtime/process/package-root.ts'

const MAIN = join(packageRoot(), 'dist/hosts/cli/main.js')

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

  for (const args of [
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
  ]) {
    it(`${args.slice(0, 3).join(' ')} ends quietly`, async () => {
      expect(await unread(args)).to.deep.equal({ code: 0, signal: null, stderr: '' })
    })
  }
})
