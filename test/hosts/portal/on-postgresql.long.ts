import { expect } from 'chai'
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { after, before, describe, it } from 'mocha'
import { packageRoot } from '../../../hosts/runtime/process/package-root.ts'
import { Postgres } from '../../kit/postgres.ts'

describe('the portal on PostgreSQL', function () {
  this.timeout(900_000)
  let postgres: Postgres | undefined
  before(async function () {
    postgres = await Postgres.start(this)
  })
  after(async () => postgres?.stop())

  it('the portal passes every test on PostgreSQL that it passes on SQLite', async () => {
    const mocha = spawn(
      process.execPath,
      [
        'node_modules/mocha/bin/mocha.js',
        '--no-config',
        '--timeout',
        '60000',
        '--reporter',
        'dot',
        'dist/test/hosts/portal/**/*.test.js',
      ],
      {
        cwd: join(packageRoot()),
        env: { ...process.env, PORTREEVE_TEST_POSTGRES: postgres?.folder },
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    )
    let output = ''
    mocha.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
    const code = await new Promise((resolve) => mocha.once('close', resolve))
    expect(code, output.slice(-5_000)).to.equal(0)
    expect(output).to.match(/\d{2,} passing/)
  })
})
