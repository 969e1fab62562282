import type { Socket } from 'node:dgram'
import { once } from 'node:events'
import { expect } from 'chai'
import { splitEndpoint, type Endpoint } from '../../core/runtime/endpoint.ts'
import { dataOf } from './turn-bench.ts'
import type { TurnSocketClient } from './turn-socket-client.ts'

const HELLO = new TextEncoder().encode('hello')

/** Allocates, and sends to a peer and back by a channel; fails where the bytes or the relayed port differ. */
export const echo = async (client: TurnSocketClient, peer: { socket: Socket; at: Endpoint }): Promise<void> => {
  const relayed = await client.allocate(splitEndpoint(peer.at)?.family)
  expect((await client.bind(0x4000, peer.at)).code).to.equal(undefined)
  const arrived = once(peer.socket, 'message') as Promise<[Buffer, { address: string; port: number }]>
  client.sendChannel(0x4000, HELLO)
  const [bytes, from] = await arrived
  expect(new Uint8Array(bytes)).to.deep.equal(HELLO)
  expect(from.port).to.equal(splitEndpoint(relayed)?.port)
  peer.socket.send(HELLO, from.port, from.address)
  expect(dataOf(await client.next(true))).to.deep.equal({ channel: 0x4000, data: HELLO })
}
