import { expect } from 'chai'
import { describe, it } from 'mocha'
import { fromHex, toHex } from '../../../core/crypto/text-encoding.ts'
import { X25519PrivateKey, X25519PublicKey } from '../../../core/crypto/x25519.ts'
import { instant } from '../../../core/runtime/time.ts'
import {
  readInitiation,
  readResponse,
  writeInitiation,
  writeResponse,
} from '../../../plugins/transport-wireguard/handshake.ts'
import { macKeysOf } from '../../../plugins/transport-wireguard/identity.ts'
import { withoutPadding } from '../../../plugins/transport-wireguard/inner-packet.ts'
import { hasMac1, writeMacs } from '../../../plugins/transport-wireguard/macs.ts'
import { parseMessage, type Message } from '../../../plugins/transport-wireguard/messages.ts'
import { Session } from '../../../plugins/transport-wireguard/session.ts'
import { echoReplyTo } from '../../lab/icmp-echo.ts'
import vectors from '../../vector/wireguard/handshake.json' with { type: 'json' }

const bytes = (hex: string): Uint8Array => fromHex(hex) ?? new Uint8Array()
const ours = new X25519PrivateKey(bytes(vectors.keys.ours))
const theirs = new X25519PrivateKey(bytes(vectors.keys.theirs))
const presharedKey = bytes(vectors.keys.presharedKey)
const remote = { publicKey: theirs.publicKey, staticSecret: ours.agree(theirs.publicKey), presharedKey }
const now = instant(0)

const parsed = <Type extends Message['type']>(type: Type, hex: string): Extract<Message, { type: Type }> => {
  const message = parseMessage(bytes(hex))
  if (message.type !== type) throw new Error(`not a ${type}`)
  return message as Extract<Message, { type: Type }>
}

const withMacs = (datagram: Uint8Array): string => {
  writeMacs(datagram, macKeysOf(theirs.publicKey).mac1Key, undefined)
  return toHex(datagram)
}

describe('the handshake, against what a real wireguard-go said', () => {
  describe('the handshake as the initiator, against wireguard-go', () => {
    const known = vectors.asInitiator
    const initiate = () => {
      const ephemeral = new X25519PrivateKey(bytes(known.ephemeral))
      const { sender } = known
      const written = writeInitiation({ local: ours, remote, ephemeral, timestamp: bytes(known.timestamp), sender })
      if ('refused' in written) throw new Error(written.refused)
      return written
    }

    it('the initiator writes the initiation that wireguard-go answered', () => {
      expect(withMacs(initiate().datagram)).to.equal(known.initiation)
    })

    it('the initiator reads wireguard-go’s response, seals the ping that it answered, and opens the answer', () => {
      const response = parsed('response', known.response)
      const read = readResponse(response, initiate().pending, { local: ours, remote })
      if (read.type === 'refused') throw new Error(read.reason)
      const indices = { localIndex: response.receiver, remoteIndex: response.sender }
      const session = new Session({ ...read.secrets, ...indices, isInitiator: true, createdAt: now })
      expect(toHex(session.seal(bytes(known.packet)))).to.equal(known.data)

      const opening = session.open(parsed('data', known.dataReceived), now)
      if (opening.type === 'refused') throw new Error(opening.reason)
      const packet = withoutPadding(opening.plain) ?? new Uint8Array()
      // Its kernel chose identification and time to live.
      expect(toHex(packet.subarray(12))).to.equal(toHex((echoReplyTo(bytes(known.packet)) ?? packet).subarray(12)))
    })

    it('the initiator finds mac1 of wireguard-go’s response right for itself, and wrong for anybody else', () => {
      expect(hasMac1(bytes(known.response), macKeysOf(ours.publicKey).mac1Key)).to.equal(true)
      expect(hasMac1(bytes(known.response), macKeysOf(theirs.publicKey).mac1Key)).to.equal(false)
    })

    it('the initiator refuses the response with another pre-shared key, and can still read the true one afterwards', () => {
      const { pending } = initiate()
      const response = parsed('response', known.response)
      const wrong = { ...remote, presharedKey: new Uint8Array(32) }
      expect(readResponse(response, pending, { local: ours, remote: wrong })).to.deep.equal({
        type: 'refused',
        reason: 'wrong-key',
      })
      expect(readResponse(response, pending, { local: ours, remote }).type).to.equal('read')
    })
  })

  describe('the handshake as the responder, against wireguard-go', () => {
    const known = vectors.asResponder
    const read = () => {
      const initiation = readInitiation(parsed('initiation', known.initiation), ours, () => remote)
      if (initiation.type === 'refused') throw new Error(initiation.reason)
      return initiation
    }

    it('the responder reads who sent wireguard-go’s initiation, and when', () => {
      const asked: string[] = []
      const initiation = readInitiation(parsed('initiation', known.initiation), ours, (publicKey) => {
        asked.push(toHex(publicKey))
        return remote
      })
      expect(asked).to.deep.equal([toHex(theirs.publicKey.bytes)])
      expect(initiation.type === 'read' && toHex(initiation.timestamp)).to.equal(known.timestamp)
    })

    it('the responder writes the response that wireguard-go accepted, and opens the ping that followed', () => {
      const { noise, ephemeral: remoteEphemeral, sender: receiver } = read()
      const ephemeral = new X25519PrivateKey(bytes(known.ephemeral))
      const { sender } = known
      const written = writeResponse({ noise, remote, remoteEphemeral, ephemeral, sender, receiver })
      if ('refused' in written) throw new Error(written.refused)
      expect(withMacs(written.datagram)).to.equal(known.response)

      const indices = { localIndex: sender, remoteIndex: receiver }
      const session = new Session({ ...written.secrets, ...indices, isInitiator: false, createdAt: now })
      const opening = session.open(parsed('data', known.dataReceived), now)
      if (opening.type === 'refused') throw new Error(opening.reason)
      const packet = withoutPadding(opening.plain) ?? new Uint8Array()
      expect(toHex(packet.subarray(12, 21))).to.equal('644000026440000108') // 100.64.0.2 -> 100.64.0.1, echo
      expect(packet).to.have.length(84)
    })

    it('the responder refuses an initiation for another receiver, from an unknown sender, and with a changed timestamp', () => {
      const message = parsed('initiation', known.initiation)
      const refusal = (result: { type: string; reason?: string }) =>
        result.type === 'refused' ? result.reason : 'none'
      expect(refusal(readInitiation(message, theirs, () => remote))).to.equal('wrong-key')
      expect(refusal(readInitiation(message, ours, () => undefined))).to.equal('unknown-peer')
      const changed = { ...message, sealedTimestamp: message.sealedTimestamp.map((byte) => byte ^ 1) }
      expect(refusal(readInitiation(changed, ours, () => remote))).to.equal('wrong-key')
    })

    it('the responder refuses an ephemeral key of low order', () => {
      const message = { ...parsed('initiation', known.initiation), ephemeral: new Uint8Array(32) }
      expect(readInitiation(message, ours, () => remote)).to.deep.equal({ type: 'refused', reason: 'weak-key' })
    })
  })

  it('no handshake is begun with a peer whose key is of low order', () => {
    const publicKey = new X25519PublicKey(new Uint8Array(32))
    const weak = { publicKey, staticSecret: ours.agree(publicKey), presharedKey }
    const ephemeral = new X25519PrivateKey(new Uint8Array(32).fill(3))
    expect(
      writeInitiation({ local: ours, remote: weak, ephemeral, timestamp: new Uint8Array(12), sender: 1 }),
    ).to.deep.equal({ refused: 'weak-key' })
  })
})
