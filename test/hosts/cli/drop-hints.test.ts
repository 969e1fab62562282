import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { describe, it } from 'mocha'
import { dropHint } from '../../../hosts/cli/drop-hints.ts'
import { LANE_DROPS } from '../../../hosts/runtime/native/addon.ts'
import { packageRoot } from '../../../hosts/runtime/process/package-root.ts'

/** Folders and files whose counters a client or gateway shows. */
const COUNTING = [
  'core/flow',
  'core/ice',
  'core/stun',
  'core/turn/relay-client.ts',
  'core/turn/relay-clients.ts',
  'core/turn/relay-requests.ts',
  'core/turn/relay-channels.ts',
  'core/dns',
  'core/nat',
  'core/net/packet-view.ts',
  'core/control/portal-link.ts',
  'core/control/frame.ts',
  'core/control/events.ts',
  'plugins/transport-wireguard',
  'plugins/transport-memory',
  'hosts/runtime/datagram-socket.ts',
  'hosts/runtime/tun-device.ts',
  'hosts/runtime/lane',
  'hosts/client',
  'hosts/gateway',
]
/** Ways to write a reason: a call that counts it, and a refusal. */
const WRITTEN = [
  /\b(?:count|drop)\((?:'([a-z0-9-]+)'|`([a-z0-9-]+-)\$)/g,
  /#fail\(\w+, (?:'([a-z0-9-]+)'|`([a-z0-9-]+-)\$)/g,
  /'(site-[a-z-]+)'/g,
  /refused\('([a-z0-9-]+)'\)/g,
  /(?:ok: false|type: 'malformed'), reason: '([a-z0-9-]+)'/g,
]
/** Words that are no reasons of a client or gateway: a beginning whose ends are in a union, and the portal's STUN server. */
const OTHERS = new Set(['kept-', 'not-a-binding', 'answer-too-long'])
const UNION = /export type \w*(?:Drop|Refusal|Fault|QueryProblem) =([^]*?)\n\n/g

const sources = async (): Promise<{ file: string; text: string }[]> => {
  const files: string[] = []
  for (const place of COUNTING) {
    if (place.endsWith('.ts')) files.push(place)
    else {
      const found = await readdir(join(packageRoot(), place), { recursive: true })
      files.push(...found.filter((name) => name.endsWith('.ts')).map((name) => join(place, name)))
    }
  }
  return Promise.all(files.map(async (file) => ({ file, text: await readFile(join(packageRoot(), file), 'utf8') })))
}

describe('hints about reasons for drops', () => {
  it('each reason that a client or gateway counts has a hint, which says whether it matters', async () => {
    const reasons = new Set<string>(LANE_DROPS.filter((reason) => reason !== ''))
    for (const { text } of await sources()) {
      for (const pattern of WRITTEN)
        for (const [, reason, beginning = ''] of text.matchAll(pattern)) reasons.add(reason ?? beginning)
      for (const [, union = ''] of text.matchAll(UNION)) {
        for (const [, reason = ''] of union.matchAll(/'([a-z0-9-]+)'/g)) reasons.add(reason)
      }
    }
    expect(reasons.size, 'reasons are found in the sources').to.be.greaterThan(100)
    for (const known of ['no-path', 'wrong-mac1', 'nat-table-full', 'upstream-', 'bad-fingerprint', 'not-json']) {
      expect(reasons, known).to.include(known)
    }
    expect([...reasons].filter((reason) => !OTHERS.has(reason) && dropHint(reason) === undefined)).to.deep.equal([])
  })

  it('a reason of the kernel has a hint, and one of a plugin from elsewhere has none', () => {
    expect(dropHint('ENOBUFS')).to.include({ matters: 'many' })
    expect(dropHint('EXDEV')).to.include({ matters: 'many' })
    expect(dropHint('pigeon-lost')).to.equal(undefined)
    expect(dropHint('constructor')).to.equal(undefined)
  })
})
