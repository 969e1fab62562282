import { expect } from 'chai'
import { describe, it } from 'mocha'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runCommand } from '../../../hosts/lab/command.ts'
import { packageRoot } from '../../../hosts/runtime/process/package-root.ts'

const SANITIZERS = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all', '-fno-omit-frame-pointer']
const WARNINGS = ['-Wall', '-Wextra', '-Werror', '-Wno-unused-parameter', '-Wno-cast-function-type']

describe('the native lane under the address and undefined-behaviour sanitizers', function () {
  this.timeout(300_000)

  it('the native lane under sanitizers survives true, damaged and random packets, and opens what it sealed', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'portreeve-fuzz-'))
    try {
      const program = join(folder, 'fuzz-lane')
      const native = join(packageRoot(), 'hosts/runtime/native')
      const sources = ['wireguard.c', 'segments.c', 'aead.c'].map((name) => join(native, name))
      const driver = join(packageRoot(), 'test/native/fuzz-lane.c')
      const flags = ['-std=gnu11', '-D_GNU_SOURCE', '-g', '-O1', ...WARNINGS, ...SANITIZERS]
      const built = await runCommand('gcc', [...flags, driver, ...sources, '-ldl', '-o', program], {
        timeoutMs: 60_000,
      })
      expect(built.stderr).to.equal('')
      const seed = String(Math.floor(Math.random() * 2 ** 31))
      const ran = await runCommand(program, [seed, '4000'], { timeoutMs: 60_000 })
      expect(ran, `seed ${seed}: ${ran.stderr.slice(0, 4_000)}`).to.include({ code: 0, stdout: '4000 rounds\n' })
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})
