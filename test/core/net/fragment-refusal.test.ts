import { expect } from 'chai'
import { describe, it } from 'mocha'
import { buildFragmentRefusal } from '../../../core/net/fragment-refusal.ts'
import { PacketView } from '../../../core/net/packet-view.ts'
import { buildPacket } from '../../kit/packet-builder.ts'

const FIRST = { ipv4: [0x20, 0], ipv6: [0, 1] }
const LATER = { ipv4: [0x20, 0xb9], ipv6: [5, 0xc9] }

/** A fragment of a datagram; `where` are the bytes of its offset and flags. */
const fragment = (family: 'ipv4' | 'ipv6', where: typeof FIRST, kind: 'udp' | 'tcp' | 'echoRequest' = 'udp') => {
  const [source, destination] = family === 'ipv4' ? ['192.0.2.1', '198.51.100.7'] : ['2001:db8::1', '2001:db8::7']
  const whole = buildPacket({ kind, source, destination, payload: new Uint8Array(64) })
  if (family === 'ipv4') {
    whole.set(where.ipv4, 6)
    return whole
  }
  const header = [whole[6] ?? 0, 0, ...where.ipv6, 0, 0, 0, 7]
  const bytes = Uint8Array.from([...whole.subarray(0, 40), ...header, ...whole.subarray(40)])
  bytes[6] = 44
  bytes[5] = bytes.length - 40
  return bytes
}

describe('the refusal of a fragment', () => {
  for (const family of ['ipv4', 'ipv6'] as const) {
    it(`T11 the sender of a packet in fragments is told by its first one, as by its destination, that it does not pass, in ${family}`, () => {
      const bytes = fragment(family, FIRST)
      const error = buildFragmentRefusal(bytes) ?? expect.fail('no error')
      const view = new PacketView()
      expect(view.parse(error)).to.equal('ok')
      expect(view.checksumsHold()).to.equal(true)
      expect([view.kind, view.sourceText(), view.destinationText()]).to.deep.equal(
        family === 'ipv4' ? ['icmpError', '198.51.100.7', '192.0.2.1'] : ['icmpError', '2001:db8::7', '2001:db8::1'],
      )
      const header = family === 'ipv4' ? 28 : 48
      expect([...error.subarray(header - 8, header - 6)]).to.deep.equal(family === 'ipv4' ? [3, 13] : [1, 1])
      expect(Buffer.from(error.subarray(header))).to.deep.equal(Buffer.from(bytes))
    })

    it(`nobody is told of later fragments, nor of those of ICMP, nor of what is cut short, in ${family}`, () => {
      expect(buildFragmentRefusal(fragment(family, LATER))).to.equal(undefined)
      expect(buildFragmentRefusal(fragment(family, FIRST, 'echoRequest'))).to.equal(undefined)
      const whole = fragment(family, FIRST)
      for (let length = 1; length < whole.length; length++) buildFragmentRefusal(whole.subarray(0, length))
    })
  }
})
