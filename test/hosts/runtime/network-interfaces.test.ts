import { expect } from 'chai'
import { describe, it } from 'mocha'
import type { LinkKind } from '../../../core/runtime/network-interfaces.ts'
import { SystemNetworkInterfaces } from '../../../hosts/runtime/network-interfaces.ts'

describe('the network interfaces of this machine', () => {
  it('H7 kinds of devices are read again when the kernel tells of a change, though no address has changed', () => {
    let kind: LinkKind = 'link'
    let tell = (): void => undefined
    const interfaces = new SystemNetworkInterfaces({
      kinds: () => () => kind,
      events: (changed) => {
        tell = changed
        return () => undefined
      },
    })
    const kinds = () => [...new Set(interfaces.addresses('').map((one) => one.kind))]
    const unwatch = interfaces.watch(() => undefined)
    try {
      expect(kinds()).to.deep.equal(['link'])
      kind = 'uplink'
      tell()
      expect(kinds()).to.deep.equal(['uplink'])
    } finally {
      unwatch()
    }
  })
})
