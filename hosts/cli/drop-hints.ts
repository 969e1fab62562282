// Hints for people about reasons for drops: whether one matters, and what to look at. Reasons are those that parts of a
// client or gateway count; a reason of a plugin from elsewhere has no hint.
import type { NatRefusal } from '../../core/nat/nat-table.ts'
import type { PacketRefusal } from '../../core/net/packet-view.ts'
import type { CheckRefusal } from '../../core/ice/connectivity-check.ts'
import type { ClientDrop } from '../../core/flow/client/client-flows-messages.ts'
import type { GatewayDrop } from '../../core/flow/gateway/gateway-flows-messages.ts'
import type { StunRefusal } from '../../core/stun/stun-message.ts'

/** Whether a reason for drops matters: never, if there are many or ever more of them, or each time. */
export type Weight = 'no' | 'many' | 'yes'

/** Hint about a reason for drops. */
export interface DropHint {
  matters: Weight
  /** Its meaning and, if it matters, the thing to look at: a clause. */
  said: string
}

/** Returns the hint about a reason; undefined for one that is not known, as of a plugin from elsewhere. */
export const dropHint = (reason: string): DropHint | undefined => {
  if (Object.hasOwn(HINTS, reason)) return HINTS[reason as keyof typeof HINTS]
  if (/^E[A-Z0-9]+$/.test(reason)) return { matters: 'many', said: ERRNOS[reason] ?? 'the kernel refused to send it' }
  for (const [beginning, hint] of FAMILIES) if (reason.startsWith(beginning)) return hint
  return undefined
}

const no = (said: string): DropHint => ({ matters: 'no', said })
const many = (said: string): DropHint => ({ matters: 'many', said })
const yes = (said: string): DropHint => ({ matters: 'yes', said })

const NOISE = no('bytes from the Internet that are no message of this protocol')
const OVERLOAD = many('more than is worked on at once; look at the load of this machine')
const FOREIGN_FRAME = many('the portal is of a version that this one does not understand, or something stands between')
const ODD_PEER = many('the other end is of another version, or does not follow the protocol')
const NO_ACCESS = no('refused, as no policy lets it pass; the sender is told')

type Typed = ClientDrop | GatewayDrop | PacketRefusal | CheckRefusal | StunRefusal | NatRefusal

const HINTS = {
  // Packets that nobody can forward.
  'packet-empty': no('not an IP packet'),
  'packet-version': no('neither IPv4 nor IPv6'),
  'packet-truncated': many('a packet that is shorter than it says'),
  'packet-options': no('a packet with IPv4 options, which are not forwarded'),
  'packet-extension-header': no('a packet with IPv6 headers that are not forwarded'),
  'packet-fragment': many('fragments are not forwarded: an application sends more than the MTU of the device at once'),
  'packet-transport': many('a malformed header of TCP, UDP or ICMP'),
  multicast: no('multicast and broadcast, which machines send by themselves'),
  checksum: no('an ICMP error with a wrong checksum'),
  'not-ip': no('not an IP packet'),
  'not-an-ip-packet': many('what came out of the tunnel is not an IP packet'),
  'short-frame': many('the device gave less than a packet'),
  'unknown-offload': yes('the device asks for an offload that is not known: report it, with the kernel’s version'),
  'bad-checksum-field': many('the device gave a packet whose checksum it cannot have left to others'),
  'bad-headers': many('the device gave a super-packet with malformed headers'),
  'bad-segment-size': many('the device gave a super-packet with an impossible segment size'),
  'too-long': many('larger than the path carries; the sender is told the size by ICMP'),

  // Packets that are not permitted, or not yet.
  'icmp-error': no('an ICMP error that is about no connection of this tunnel'),
  'icmp-rate': many('more ICMP errors were due than are sent in a second'),
  'source-not-own': many(
    'a packet with another source address than the tunnel’s: look for a route or a container that sends it here',
  ),
  'connection-reset': no('an open connection whose resource or access is gone was reset'),
  'destination-not-own': many('the gateway sent a packet for another machine'),
  'source-not-routed': many('the gateway sent a packet from an address that it does not serve'),
  'unknown-destination': no('no resource has this address; the sender is told'),
  'sentinel-port': no('only DNS is served at the addresses of the resolver'),
  'port-refused': no('the resource’s filters refuse this port; the sender is told'),
  'protocol-refused': no('the resource’s filters refuse this protocol; the sender is told'),
  'nat-protocol': no('only TCP, UDP and ICMP echo go through an address translation'),
  'no-grant': NO_ACCESS,
  'authorization-failed': NO_ACCESS,
  'not-internet': no('the Internet resource has no such address'),
  'no-record': no('the name has no address of this family at the site'),
  'gateway-service': no('a port of the gateway itself; it is served to clients only as far as they need it'),
  'tunnel-address': no('an address of the tunnel, which is no resource'),
  'name-inactive': many('an address that stands for a name which the site could not resolve, or that was forgotten'),
  'no-flow': no('an answer to a connection that is over, or was never made'),
  'no-path': many('no way to the other end at that moment: see the gateway’s line in client status'),
  'gateway-changed': no('of a connection whose gateway is gone while another serves: the application was told'),
  'kept-merged': no('sent again by the application while it waited; one of both is delivered'),
  'kept-oldest-dropped': many('more packets than are kept while access is asked for'),
  'flow-table-full': yes('as many connections as fit: an application opens too many'),
  'nat-table-full': yes('a client has as many connections as fit'),
  'nat-ports-exhausted': yes('a client has used all ports towards one destination'),
  'lookup-waiting': no('asked again while the name was being resolved'),
  'lookups-exhausted': yes('more names at once than a client may ask for'),
  'assignment-not-granted': many('a client names something that it has no grant for, as just after a withdrawal'),
  'assignment-proxies': many('a client announced addresses that are not those of names'),
  'bad-address': yes('an address that cannot be one: the portal or a plugin gave it'),
  'bad-answer': many('a DNS answer that fits no packet'),

  // Control frames between client and gateway.
  'control-truncated': ODD_PEER,
  'control-too-long': ODD_PEER,
  'control-unknown-type': no('the other end is of a newer version'),
  'control-body': ODD_PEER,
  'control-direction': ODD_PEER,
  'control-from-tun': many('a program of this machine imitates the tunnel’s own messages'),
  'control-rate': many('a client announces more names in a second than it may'),

  // Tunnels.
  'unknown-peer': many('from a client or gateway that has no grant, as just after its end'),
  'peer-not-added': many('for a client or gateway that has no grant, as just after its end'),
  'queue-full': many('more packets than wait for a handshake'),
  'peer-unresponsive': yes('the other end did not answer the handshake: see its line in status'),
  'lane-opens': no('a datagram that the packet lane opens itself'),
  'wrong-cookie': NOISE,
  'cookie-sent': many('handshakes at a rate of more than 256 a second: many clients at once, or a flood'),
  'wrong-mac1': no('a handshake for another key: a stranger’s, or from before a restart of this end'),
  'source-flood': many('one source sends more handshakes than it may'),
  'initiation-flood': many('a client begins more handshakes than it may'),
  'replayed-initiation': no('a handshake that came twice'),
  'unknown-index': no('for a session that is over'),
  'unknown-session': no('for a session that is over'),
  'unknown-type': NOISE,
  'wrong-length': NOISE,
  'counter-out-of-range': NOISE,
  'weak-key': NOISE,
  'wrong-key': many('encrypted for other keys, as after a restart of the other end'),
  replayed: no('a packet that came twice'),
  'replayed-hello': no('a handshake that came twice'),
  'too-old': many('it came so late that it cannot be told from a replay: the path reorders a lot'),
  'expired-session': many('for a session that has expired: no handshake succeeds any more'),
  'no-session': many('no session at that moment: the handshake goes on'),
  'no-room': many('it did not fit into the burst'),
  'not-sealed': many('it could not be encrypted'),
  'no-lane': many('the plugin expects a lane that encrypts'),
  'host-busy': OVERLOAD,
  malformed: NOISE,
  'transport-fault': yes('the tunnel transport plugin failed: see the log'),
  'odd-output': yes('the tunnel transport plugin does not follow its contract: see the log'),

  // Paths.
  'too-short': NOISE,
  'not-stun': NOISE,
  'bad-length': NOISE,
  'attribute-overrun': NOISE,
  'too-many-attributes': NOISE,
  'bad-integrity-length': NOISE,
  'bad-fingerprint': NOISE,
  'not-a-check': NOISE,
  'no-username': NOISE,
  'unknown-username': no('a check for a grant that is over'),
  'wrong-integrity': many('a check with other credentials, as after a restart of the other end'),
  'unknown-attribute': ODD_PEER,
  'no-priority': ODD_PEER,
  nobody: no('a check for a grant that is over, or from a stranger; it is not answered'),
  'unknown-transaction': no('an answer that came late, or twice'),
  'answer-from-elsewhere': many(
    'an answer from another address than was asked: a router on the way rewrites addresses',
  ),
  'check-refused': ODD_PEER,
  'role-conflict': yes('the other end claims the same role: it is of a version that does not fit'),
  'path-unknown': no('a check from an address that cannot be one'),
  'no-room-for-path': many('more addresses than are tried'),
  'too-many-candidates': many('the other end offers more addresses than are tried: exclude_interfaces leaves some out'),
  'candidate-unreadable': no('the other end offers an address that is of no use here'),
  'no-mapped-address': many('the STUN server answers without an address'),

  'no-channel': no('a datagram of a relayed path that is over'),
  'relay-refuses-peer': yes('a relay does not pass packets on to the other end: its log says why'),
  'not-an-answer': NOISE,

  // The link to the portal.
  'not-connected': no('not said to the portal, which was not connected; it is asked again'),
  'held-too-many': many('more messages than are kept for a portal that is not connected'),
  'no-name-in-dialect': no('the portal’s version of the protocol has no such message'),
  'unexpected-open': no('late news of a connection that was given up'),
  'unexpected-refusal': no('late news of a connection that was given up'),
  'unexpected-frame': no('late news of a connection that was given up'),
  'bad-reply': FOREIGN_FRAME,
  'unknown-disconnect': FOREIGN_FRAME,
  'not-json': FOREIGN_FRAME,
  'not-an-object': FOREIGN_FRAME,
  'bad-topic': FOREIGN_FRAME,
  'bad-event': FOREIGN_FRAME,
  'bad-ref': FOREIGN_FRAME,
  'unknown-event': no('the portal is of a newer version'),
  'invalid-payload': yes('a message of the portal that does not fit: update client, gateway and portal'),

  // Names.
  'not-a-query': NOISE,
  'unknown-operation': no('DNS that is no query, such as an update'),
  'not-one-question': no('a query with none or several questions'),
  'unknown-edns-version': no('a query of a newer version of DNS; the asker is told'),
  'invalid-pattern': yes('a resource’s address is a pattern that this version does not know: update the client'),
  'mapped-addresses-exhausted': yes('as many names as have addresses; a program asks for names without end'),
  'mapped-name-forgotten': many('the name that was not used for the longest time made way'),
  'no-upstream': yes('there is no name server for names that are no resources: look at upstream DNS in client status'),
  'too-many-queries': OVERLOAD,
  'too-many-lookups': OVERLOAD,
  'too-many-site-queries': OVERLOAD,
  'all-upstreams-failed': yes('no name server gave an answer: look at upstream DNS in client status'),
  'upstreams-timed-out': yes('no name server answered in time: look at upstream DNS in client status'),
  'upstream-not-mine': no('a resolver left a name to the next one'),
  'site-refused': no('the portal denied the resource whose name was asked for'),
  'site-unreachable': many('no gateway was reached to ask for a name'),
  'site-not-heard': many('a site did not say in time whether it has a name that a search list may have made'),
  'site-timed-out': many('a gateway did not answer for a name'),
  'site-name-refused': no('a client asked for a name that it has no grant for'),
  'site-type-refused': no('a client asked for records that are not given'),
  'site-resolver-went-on': no('the answer for one family was not waited for'),
} as const satisfies Record<Typed, DropHint> & Record<string, DropHint>

const SITE_SERVERS = many(
  'a name server of the site gave no usable answer: look at the resolver of the gateway’s machine',
)

/** Hints about reasons that begin so. */
const FAMILIES: readonly (readonly [string, DropHint])[] = [
  ['relay-error-', many('a relay answers with this error code (RFC 8656): see the relay’s line in status')],
  ['upstream-', many('a name server gave no usable answer, and the next one was asked')],
  ['site-resolver-', SITE_SERVERS],
  ['site-query-', SITE_SERVERS],
  ['site-answer-', SITE_SERVERS],
  ['site-', many('a gateway did not say what its site knows of a name')],
]

const ERRNOS: Readonly<Record<string, string>> = {
  EMSGSIZE: 'larger than a network of this machine takes',
  ENOBUFS: 'the kernel’s queue was full: look at the load of the network',
  EAGAIN: 'the kernel’s queue was full: look at the load of the network',
  ENETUNREACH: 'this machine had no route there',
  EHOSTUNREACH: 'the other end’s machine was not reached',
  EPERM: 'a firewall of this machine forbids it',
  EACCES: 'a firewall of this machine forbids it',
  EINVAL: 'the kernel takes no such packet',
  ECONNREFUSED: 'the other end’s port was closed',
  ENETDOWN: 'a network of this machine was down',
}
