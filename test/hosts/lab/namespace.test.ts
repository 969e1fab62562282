import { access, readFile, rm, writeFile } from 'node:fs/promises'
import { expect } from 'chai'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { runCommand } from '../../../hosts/lab/command.ts'
import { Namespace } from '../../../hosts/lab/namespace.ts'
import { RunDirectory, removeDeadRuns } from '../../../hosts/lab/run-directory.ts'
import { needsKernel } from '../../kit/needs-kernel.ts'

/** Script that sends a SYN with a wrong checksum. */
const WRONG_CHECKSUM = `
import socket
one = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
one.sendto(bytes.fromhex('9c40005000000001000000005002ffffdead0000'), ('127.0.0.1', 0))
`

describe('hosts/lab/namespace', () => {
  needsKernel()
  let run: RunDirectory

  beforeEach(async () => {
    run = await RunDirectory.open()
  })
  afterEach(async () => {
    await run.close()
  })

  it('T7 a run in which a packet had a wrong checksum does not end well, and leaves nothing', async () => {
    const other = await RunDirectory.open()
    const machine = await Namespace.create(other, 'machine')
    expect(await other.checksumErrors()).to.deep.equal([])
    await machine.mustRun('python3', ['-c', WRONG_CHECKSUM])
    expect(await other.checksumErrors()).to.deep.equal([`${machine.name}: TcpInCsumErrors 1`])
    const ended = await other.close().catch(String)
    expect(ended).to.equal(`Error: packets with a wrong checksum: ${machine.name}: TcpInCsumErrors 1`)
    const { stdout } = await runCommand('ip', ['netns', 'list'])
    expect(stdout).not.to.include(machine.name)
  })

  it('a pair of devices carries packets between two namespaces', async () => {
    const left = await Namespace.create(run, 'left')
    const right = await Namespace.create(run, 'right')
    await left.veth({ device: 'eth0', to: right, toDevice: 'eth0' })
    for (const [namespace, host] of [
      [left, 1],
      [right, 2],
    ] as const) {
      await namespace.address('eth0', `192.0.2.${host}/24`)
      await namespace.address('eth0', `2001:db8::${host}/64`)
    }
    expect(await answer(left, '192.0.2.2', right)).to.equal('192.0.2.1')
    expect(await answer(left, '2001:db8::2', right)).to.equal('2001:db8::1')
  })

  it('namespaces are joined through a bridge, and packets are routed between networks', async () => {
    const router = await Namespace.create(run, 'router')
    const left = await Namespace.create(run, 'left')
    const right = await Namespace.create(run, 'right')
    await router.bridge('lan')
    await router.address('lan', '192.0.2.254/25')
    await router.address('lan', '192.0.2.126/25')
    await router.mustRun('sysctl', ['-qw', 'net.ipv4.ip_forward=1'])
    await left.veth({ device: 'eth0', to: router, toDevice: 'left', toBridge: 'lan' })
    await right.veth({ device: 'eth0', to: router, toDevice: 'right', toBridge: 'lan' })
    await left.address('eth0', '192.0.2.1/25')
    await left.route({ to: 'default', via: '192.0.2.126' })
    await right.address('eth0', '192.0.2.129/25')
    await right.route({ to: '192.0.2.0/25', via: '192.0.2.254' })
    expect(await answer(left, '192.0.2.129', right)).to.equal('192.0.2.1')
  })

  it('a namespace shows a resolv.conf of its own to its processes', async () => {
    const namespace = await Namespace.create(run, 'alone')
    await namespace.resolvConf('nameserver 192.0.2.53\n')
    expect((await namespace.mustRun('cat', ['/etc/resolv.conf'])).stdout).to.equal('nameserver 192.0.2.53\n')
    expect(await readFile('/etc/resolv.conf', 'utf8')).not.to.include('192.0.2.53')
  })

  it('a command in a namespace gets its input, and gives back its exit code and output', async () => {
    const namespace = await Namespace.create(run, 'alone')
    const script = 'process.stdin.on("data", (d) => process.stderr.write(d)).on("end", () => process.exit(3))'
    expect(await namespace.run(process.execPath, ['-e', script], { input: 'hello' })).to.deep.equal({
      code: 3,
      stdout: '',
      stderr: 'hello',
    })
  })

  it('a command in a namespace is killed at its deadline', async () => {
    const namespace = await Namespace.create(run, 'alone')
    const { code } = await namespace.run('sleep', ['600'], { timeoutMs: 50 })
    expect(code).to.equal(null)
  })

  it('a process in a namespace is started, its line waited for, and its end reported', async () => {
    const namespace = await Namespace.create(run, 'alone')
    const script = 'setInterval(() => {}, 1000); console.log("ready " + process.pid)'
    const part = namespace.spawn(process.execPath, ['-e', script], { name: 'ticker' })
    expect(await part.line((line) => line.startsWith('ready'))).to.equal(`ready ${part.pid}`)
    expect(await part.stop()).to.deep.equal({ code: null, signal: 'SIGTERM' })
  })

  it('a process in a namespace that ends instead of getting ready is reported with its output', async () => {
    const namespace = await Namespace.create(run, 'alone')
    const part = namespace.spawn(process.execPath, ['-e', 'console.error("no luck")'], { name: 'loser' })
    const failure = await part.line((line) => line === 'ready').then(String, String)
    expect(failure).to.include('loser ended (0)').and.include('no luck')
  })

  it('a namespace is removed with its processes and resolver files, and leaves those of others', async () => {
    const first = await Namespace.create(run, 'first')
    const second = await Namespace.create(run, 'second')
    const doomed = first.spawn('sleep', ['600'], { name: 'doomed' })
    const spared = second.spawn('sleep', ['600'], { name: 'spared' })
    await first.delete()
    expect((await doomed.ended).signal).to.equal('SIGKILL')
    expect(spared.isRunning).to.equal(true)
    expect(await namespaces())
      .to.include(second.name)
      .and.not.include(first.name)
    expect(await exists(`/etc/netns/${first.name}`)).to.equal(false)
  })

  it('the next start removes what a killed run left, and only that', async () => {
    const mine = await Namespace.create(run, 'mine')
    const { id, name } = await killedRun()
    const foreign = await runCommand('ip', ['netns', 'add', `pr-foreign-${process.pid}`])
    try {
      expect(foreign.code).to.equal(0)
      expect(await namespaces()).to.include(name)
      expect(await removeDeadRuns()).to.include(id)
      expect(await namespaces())
        .to.include(mine.name)
        .and.include(`pr-foreign-${process.pid}`)
        .and.not.include(name)
      expect(await exists(`/run/portreeve-lab/${id}`)).to.equal(false)
      expect(await exists(run.path)).to.equal(true)
    } finally {
      await runCommand('ip', ['netns', 'delete', `pr-foreign-${process.pid}`])
    }
  })

  it('the run of another process with the same id counts as dead', async () => {
    const other = await RunDirectory.open()
    const left = await Namespace.create(other, 'left')
    await writeFile(`${other.path}/owner`, JSON.stringify({ pid: process.pid, startTicks: '1' }))
    expect(await removeDeadRuns()).to.include(other.id)
    expect(await namespaces()).not.to.include(left.name)
    await rm(other.path, { recursive: true, force: true })
  })
})

/** Source address of a client in one namespace, as a server in another one sees it. */
const answer = async (from: Namespace, address: string, at: Namespace): Promise<string> => {
  const server = at.spawn(
    process.execPath,
    [
      '-e',
      `require('net').createServer((s) => s.end(s.remoteAddress)).listen(80, '${address}', () => console.log('ready'))`,
    ],
    { name: 'server' },
  )
  await server.line((line) => line === 'ready')
  const script = `require('net').connect(80, '${address}').pipe(process.stdout)`
  const { stdout } = await from.mustRun(process.execPath, ['-e', script])
  await server.stop()
  return stdout
}

/** Starts a run in another process and kills it before it can clean up. */
const killedRun = async (): Promise<{ id: string; name: string }> => {
  const here = new URL('../../../hosts/lab/', import.meta.url).href
  const script = `
    const { RunDirectory } = await import('${here}run-directory.js')
    const { Namespace } = await import('${here}namespace.js')
    const run = await RunDirectory.open()
    const { name } = await Namespace.create(run, 'left')
    console.log(JSON.stringify({ id: run.id, name }))
    process.kill(process.pid, 'SIGKILL')`
  const { stdout, stderr } = await runCommand(process.execPath, ['--input-type=module', '-e', script])
  if (stdout === '') throw new Error(stderr)
  return JSON.parse(stdout) as { id: string; name: string }
}

const namespaces = async (): Promise<string[]> => {
  const { stdout } = await runCommand('ip', ['netns', 'list'])
  return stdout.split('\n').map((line) => line.split(' ')[0] ?? '')
}

const exists = async (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )
