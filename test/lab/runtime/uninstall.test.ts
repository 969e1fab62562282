import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import type { Namespace } from '../../../hosts/lab/namespace.ts'
import { RunDirectory } from '../../../hosts/lab/run-directory.ts'
import { packageRoot } from '../../../hosts/runtime/process/package-root.ts'
import { needsKernel } from '../../kit/needs-kernel.ts'
import { threeMachines } from './three-machines.ts'

const script = (name: string): string => fileURLToPath(new URL(name, import.meta.url))
const CLI = join(packageRoot(), 'dist/hosts/cli/main.js')

describe('the removal of a client or gateway from a machine', function () {
  this.timeout(240_000)
  needsKernel()
  let run: RunDirectory
  let machine: Namespace
  let server: Namespace

  before(async () => {
    run = await RunDirectory.open()
    ;({ gateway: machine, server } = await threeMachines(run))
    await machine.resolvConf('nameserver 192.0.2.53\n')
    // A firewall of somebody else, in which a gateway adds rules.
    for (const line of [
      'add table ip filter',
      'add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }',
      'add rule ip filter FORWARD ip daddr 198.51.100.7 accept comment "theirs"',
    ])
      await machine.mustRun('nft', [line])
  })
  after(async () => {
    await run?.close()
  })

  /** Everything of the machine that a client or gateway may change. */
  const stateOf = async (): Promise<string> => {
    const outputs = [
      await machine.ip(['-br', 'link']),
      await machine.ip(['-4', 'rule']),
      await machine.ip(['-6', 'rule']),
      await machine.ip(['-4', 'route', 'show', 'table', 'all']),
      await machine.ip(['-6', 'route', 'show', 'table', 'all']),
      (await machine.mustRun('nft', ['list', 'ruleset'])).stdout,
      (await machine.mustRun('sh', ['-c', SWITCHES])).stdout,
      (await machine.mustRun('cat', ['/etc/resolv.conf'])).stdout,
      (await machine.mustRun('sh', ['-c', 'ls /etc/resolv.conf*; ls /etc/netns/$(ip netns identify)'])).stdout,
    ]
    // Addresses of links come when they have been found to be nobody else's, some time after the start.
    return outputs.join('\n---\n').replaceAll(/^.*fe80:.*\n/gm, '')
  }

  const install = async (role: string): Promise<{ config: string; stateFolder: string; tokenFile: string }> => {
    const folder = join(run.path, role)
    const stateFolder = join(folder, 'state')
    const [config, tokenFile] = [join(folder, `${role}.yaml`), join(folder, 'secrets', role, 'token')]
    await mkdir(join(folder, 'secrets', role), { recursive: true })
    await mkdir(stateFolder, { recursive: true })
    await writeFile(tokenFile, 'a-token\n', { mode: 0o600 })
    await writeFile(join(stateFolder, 'id'), 'an-id\n', { mode: 0o600 })
    const lines = [
      'portal_url: http://127.0.0.1:9',
      `state_folder: ${stateFolder}`,
      `token_file: ${tokenFile}`,
      `socket: ${join(folder, 'control.sock')}`,
      `device: tun-${role}`,
      'plugins: [{ use: builtin:transport-wireguard }, { use: builtin:resolver-system }]',
    ]
    await writeFile(config, `${lines.join('\n')}\n`)
    return { config, stateFolder, tokenFile }
  }

  const uninstall = async (role: string, config: string): Promise<string> =>
    (await machine.mustRun(process.execPath, [CLI, role, 'uninstall', '--yes', '--config', config])).stdout

  it('a gateway is ended and removed with all that it changed, though it cleans up nothing itself; others keep theirs', async () => {
    const before = await stateOf()
    const { config, stateFolder, tokenFile } = await install('gateway')
    const part = machine.spawn(process.execPath, [script('gateway-network.js'), 'stay', stateFolder], {
      name: 'gateway',
    })
    await part.line((text) => text.includes('answered'))
    expect(await stateOf(), 'changed while it runs').not.to.equal(before)
    await machine.ip(['link', 'set', 'dev', 'tun-gateway', 'alias', `Portreeve, process ${part.pid}`])
    expect(await uninstall('gateway', config)).to.include(`the process ${part.pid} with the device tun-gateway`)
    expect(await stateOf()).to.equal(before)
    for (const path of [config, stateFolder, tokenFile]) expect(existsSync(path), path).to.equal(false)
  })

  it('a client that waits for a sign-in is ended and removed', async () => {
    const before = await stateOf()
    const { config } = await install('client')
    await writeFile(config, (await readFile(config, 'utf8')).replace(/^token_file:.*$/m, 'account: example'))
    const part = machine.spawn(process.execPath, [CLI, 'client', 'up', '--config', config], { name: 'client' })
    await part.line((text) => text.startsWith('Signed out.'))
    expect(await uninstall('client', config)).to.include('the client that ran')
    expect(await part.ended).to.include({ code: 0 })
    expect(await stateOf()).to.equal(before)
    await rm(join(run.path, 'client'), { recursive: true })
  })

  it('a client that was killed is removed with routes, rules and resolver', async () => {
    const before = await stateOf()
    const { config, stateFolder } = await install('client')
    const echo = server.spawn(process.execPath, ['-e', ECHO], { name: 'echo' })
    await echo.line((text) => text.includes('listening 2'))
    const parts = [
      machine.spawn(process.execPath, [script('client-network.js')], { name: 'client' }),
      machine.spawn(process.execPath, [script('resolver.js'), 'set'], { name: 'resolver' }),
    ]
    for (const part of parts) await part.line((text) => text.startsWith('{'))
    expect(await stateOf(), 'changed while it runs').not.to.equal(before)
    for (const part of parts) {
      part.kill('SIGKILL')
      await part.ended
    }
    await echo.stop()
    await uninstall('client', config)
    expect(await stateOf()).to.equal(before)
    expect(existsSync(stateFolder)).to.equal(false)
  })
})

/** Prints the kernel's switches that a gateway sets. */
const SWITCHES =
  'cd /proc/sys/net; for f in ipv4/ip_forward ipv4/conf/*/forwarding ipv6/conf/*/forwarding ipv6/conf/*/accept_ra; do echo $f $(cat $f); done'

const ECHO = `
  let count = 0
  for (const options of [{ type: 'udp4' }, { type: 'udp6', ipv6Only: true }]) {
    const socket = require('node:dgram').createSocket(options)
    socket.on('message', (bytes, from) => socket.send(bytes, from.port, from.address))
    socket.bind(7, () => console.log('listening', ++count))
  }`
