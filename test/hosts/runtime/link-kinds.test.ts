import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect } from 'chai'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { readLinkKinds } from '../../../hosts/runtime/linux/link-kinds.ts'

const ROUTES = `Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
wlan0	00000000	0107A8C0	0003	0	0	600	00000000	0	0	0
wlan0	0007A8C0	00000000	0001	0	0	600	00FFFFFF	0	0	0
*	00000000	00000000	0200	0	0	0	00000000	0	0	0
`
const ZEROS = '0'.repeat(32)
const IPV6_ROUTES = `${ZEROS} 00 ${ZEROS} 00 20010db8000000000000000000000001 00000400 00000001 00000000 00000003 br0
20010db8000000000000000000000000 40 ${ZEROS} 00 ${ZEROS} 00000400 00000001 00000000 00000001 eth1
${ZEROS} 00 ${ZEROS} 00 ${ZEROS} ffffffff 00000001 00000000 00200200 lo
`

describe('the kind of a network device', () => {
  let root: string

  const file = async (path: string, text = ''): Promise<void> => {
    await mkdir(dirname(join(root, path)), { recursive: true })
    await writeFile(join(root, path), text)
  }
  const bridge = async (name: string, ports: readonly string[]): Promise<void> => {
    await mkdir(join(root, 'sys/class/net', name, 'brif'), { recursive: true })
    for (const port of ports) await file(`sys/class/net/${name}/brif/${port}`)
  }

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'portreeve-links-'))
    await file('proc/net/route', ROUTES)
    await file('proc/net/ipv6_route', IPV6_ROUTES)
    await file('sys/class/net/veth1/uevent', 'INTERFACE=veth1\n')
    await file('sys/class/net/eth2/device/vendor')
    await file('sys/class/net/bond0.7/uevent', 'DEVTYPE=vlan\nINTERFACE=bond0.7\n')
    await bridge('docker0', ['veth1'])
    await bridge('br-empty', [])
    await bridge('br0', ['veth1', 'eth2'])
    await bridge('br1', ['veth1', 'eth2'])
    await bridge('br2', ['bond0.7'])
  })
  afterEach(() => rm(root, { recursive: true }))

  const KINDS = {
    wlan0: 'uplink',
    br0: 'uplink',
    eth1: 'link',
    lo: 'link',
    docker0: 'bridge',
    'br-empty': 'bridge',
    br1: 'link',
    br2: 'link',
    gone: 'link',
  } as const

  it('a default route of either family makes an uplink, and a bridge is one only of containers', () => {
    const kindOf = readLinkKinds(root)
    for (const [device, kind] of Object.entries(KINDS)) expect(kindOf(device), device).to.equal(kind)
  })

  it('every device is a link where nothing can be read', () => {
    expect(readLinkKinds(join(root, 'nowhere'))('docker0')).to.equal('link')
  })
})
