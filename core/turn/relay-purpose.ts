import type { Family } from '../runtime/endpoint.ts'
import { uint32Attribute, xorAddressAttribute } from '../stun/stun-attributes.ts'
import { BINDING, type StunAttribute } from '../stun/stun-message.ts'
import type { RelayChannel } from './relay-channels.ts'
import type { RelayRequest } from './relay-requests.ts'
import {
  ADDITIONAL_ADDRESS_FAMILY,
  ALLOCATE,
  channelAttribute,
  CHANNEL_BIND,
  familyAttribute,
  LIFETIME,
  REFRESH,
  REQUESTED_ADDRESS_FAMILY,
  requestedUdp,
  XOR_PEER_ADDRESS,
} from './turn-attributes.ts'

/** Families of relayed addresses that an allocation is to have. */
export type WantedFamilies = Family | 'both'

/** Purpose of a client's request to its relay. */
export type RelayPurpose =
  | { type: 'allocate'; wanted: WantedFamilies }
  | { type: 'refresh' }
  /** Removes an allocation, which may be that of an earlier client on the same port. */
  | { type: 'remove' }
  /** Keeps NATs open, and shows that the relay is alive. */
  | { type: 'ask' }
  | { type: 'bind'; channel: RelayChannel }

/** Makes the request for a purpose. */
export const relayRequest = (purpose: RelayPurpose): RelayRequest<RelayPurpose> => {
  switch (purpose.type) {
    case 'allocate':
      return plain(purpose, ALLOCATE, [requestedUdp, ...FAMILIES[purpose.wanted]])
    case 'refresh':
      return plain(purpose, REFRESH, [])
    case 'remove':
      return plain(purpose, REFRESH, [uint32Attribute(LIFETIME, 0)])
    case 'ask':
      return plain(purpose, BINDING, [])
    case 'bind': {
      const { number, peer } = purpose.channel
      const attributes = (transactionId: Uint8Array) => {
        const address = xorAddressAttribute(XOR_PEER_ADDRESS, peer, transactionId)
        return [channelAttribute(number), ...(address === undefined ? [] : [address])]
      }
      return { purpose, method: CHANNEL_BIND, attributes }
    }
  }
}

const plain = (
  purpose: RelayPurpose,
  method: number,
  attributes: readonly StunAttribute[],
): RelayRequest<RelayPurpose> => ({ purpose, method, attributes: () => attributes })

const FAMILIES: Readonly<Record<WantedFamilies, readonly StunAttribute[]>> = {
  ipv4: [],
  ipv6: [familyAttribute(REQUESTED_ADDRESS_FAMILY, 'ipv6')],
  both: [familyAttribute(ADDITIONAL_ADDRESS_FAMILY, 'ipv6')],
}
