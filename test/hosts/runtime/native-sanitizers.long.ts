import { expect } from 'chai'
import { describe, it } from 'mocha'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { mustRun, runCommand } from '../../../hosts/lab/command.ts'
import { packageRoot } from '../../../hosts/runtime/process/package-root.ts'

describe('the whole addon in a Node under the address and undefined-behaviour sanitizers', function () {
  this.timeout(600_000)

  it('the whole addon passes its own tests in a Node under sanitizers', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'portreeve-asan-'))
    try {
      const native = join(packageRoot(), 'hosts/runtime/native')
      const sources = (await readdir(native)).filter((name) => name.endsWith('.c')).map((name) => join(native, name))
      const addon = join(folder, 'portreeve.node')
      const headers = join(dirname(dirname(process.execPath)), 'include/node')
      const sanitizers = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all', '-fno-omit-frame-pointer']
      const flags = ['-std=gnu11', '-D_GNU_SOURCE', '-DNAPI_VERSION=8', '-shared', '-fPIC', '-g', '-O1', `-I${headers}`]
      await mustRun('gcc', [...flags, ...sanitizers, ...sources, '-o', addon], { timeoutMs: 120_000 })
      const { stdout: library } = await mustRun('gcc', ['-print-file-name=libasan.so'])
      const tests = ['sealing-lane', 'native-addon', 'port-set', 'datagram-socket'].map((name) =>
        join(packageRoot(), `dist/test/hosts/runtime/${name}.test.js`),
      )
      const mocha = join(packageRoot(), 'node_modules/mocha/bin/mocha.js')
      const { code, stdout, stderr } = await runCommand(
        process.execPath,
        [mocha, '--no-config', '--timeout', '240000', ...tests],
        {
          timeoutMs: 500_000,
          // V8 keeps its own memory until the end: the other test's driver detects leaks.
          env: { LD_PRELOAD: library.trim(), ASAN_OPTIONS: 'detect_leaks=0', PORTREEVE_ADDON: addon },
        },
      )
      expect(code, `${stdout.slice(-4_000)}\n${stderr.slice(-4_000)}`).to.equal(0)
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})
