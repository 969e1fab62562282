import { expect } from 'chai'
import { describe, it } from 'mocha'
import { judgeForward, type ForwardedPacket, type NftRule } from '../../../core/upkeep/forward-verdict.ts'

const OUT: ForwardedPacket = { iif: 'tun-gateway', oif: 'eth0', state: 'new' }
const BACK: ForwardedPacket = { iif: 'eth0', oif: 'tun-gateway', state: 'established' }

const meta = (key: string, right: unknown, op = '=='): object => ({ match: { op, left: { meta: { key } }, right } })
const state = (...right: string[]): object => ({ match: { op: 'in', left: { ct: { key: 'state' } }, right } })
const DADDR = { match: { op: '==', left: { payload: { protocol: 'ip', field: 'daddr' } }, right: '10.0.0.1' } }
const [ACCEPT, DROP, REJECT, RETURN] = [
  { accept: null },
  { drop: null },
  { reject: { type: 'icmp' } },
  { return: null },
]
const COUNTER = { counter: { packets: 0, bytes: 0 } }
const XT_REJECT = { xt: { type: 'target', name: 'REJECT' } }
const XT = { xt: { type: 'match', name: 'conntrack' } }
const jump = (target: string): object => ({ jump: { target } })

const ruleset = (chains: Readonly<Record<string, readonly object[][]>>): NftRule[] => {
  let handle = 0
  return Object.entries(chains).flatMap(([chain, rules]) => rules.map((expr) => ({ chain, handle: ++handle, expr })))
}
const judge = (policy: string, chains: Readonly<Record<string, readonly object[][]>>, packet = OUT) =>
  judgeForward({ name: 'FORWARD', policy }, ruleset(chains), packet)

/** The chain FORWARD of Docker: its rules are about its own bridges. */
const DOCKER = {
  FORWARD: [
    [COUNTER, jump('DOCKER-USER')],
    [COUNTER, jump('DOCKER-ISOLATION-STAGE-1')],
    [meta('oifname', 'docker0'), XT, COUNTER, ACCEPT],
    [meta('oifname', 'docker0'), COUNTER, jump('DOCKER')],
    [meta('iifname', 'docker0'), meta('oifname', 'docker0', '!='), COUNTER, ACCEPT],
  ],
  'DOCKER-USER': [[COUNTER, RETURN]],
  'DOCKER-ISOLATION-STAGE-1': [
    [meta('iifname', 'docker0'), meta('oifname', 'docker0', '!='), COUNTER, jump('DOCKER-ISOLATION-STAGE-2')],
    [COUNTER, RETURN],
  ],
  'DOCKER-ISOLATION-STAGE-2': [[meta('oifname', 'docker0'), COUNTER, DROP]],
}

describe('what a foreign firewall does with the packets of clients', () => {
  const cases: readonly [
    what: string,
    policy: string,
    chains: Readonly<Record<string, object[][]>>,
    verdict: string,
  ][] = [
    ['an empty chain that accepts', 'accept', {}, 'accepts'],
    ['an empty chain that drops', 'drop', {}, 'drops'],
    ['Docker, which drops what is not of its bridges', 'drop', DOCKER, 'drops'],
    [
      'a final rule that rejects, as on Red Hat',
      'accept',
      { FORWARD: [[state('established', 'related'), ACCEPT], [REJECT]] },
      'drops',
    ],
    ['a rule for the device', 'drop', { FORWARD: [[meta('iifname', 'tun-gateway'), ACCEPT]] }, 'accepts'],
    ['a rule for devices of its kind', 'drop', { FORWARD: [[meta('iifname', 'tun*'), ACCEPT]] }, 'accepts'],
    [
      'a rule for a set of devices',
      'drop',
      { FORWARD: [[meta('iifname', { set: ['wg0', 'tun-gateway'] }), ACCEPT]] },
      'accepts',
    ],
    ['a rule for all other devices', 'drop', { FORWARD: [[meta('iifname', 'eth1', '!='), ACCEPT]] }, 'accepts'],
    ['a rule for some addresses', 'drop', { FORWARD: [[DADDR, ACCEPT]] }, 'depends'],
    ['a rule of iptables that nft cannot read', 'drop', { FORWARD: [[XT, ACCEPT]] }, 'depends'],
    [
      'iptables-services, which accepts open connections and rejects the rest',
      'accept',
      {
        FORWARD: [
          [XT, ACCEPT],
          [COUNTER, XT_REJECT],
        ],
      },
      'depends',
    ],
    ['a target of iptables that rejects', 'accept', { FORWARD: [[COUNTER, XT_REJECT]] }, 'drops'],
    ['a named set of devices', 'drop', { FORWARD: [[meta('iifname', '@trusted'), ACCEPT]] }, 'depends'],
    [
      'a chain for the device that accepts',
      'drop',
      { FORWARD: [[meta('iifname', 'tun-gateway'), jump('vpn')]], vpn: [[ACCEPT]] },
      'accepts',
    ],
    [
      'a chain for the device that returns',
      'drop',
      { FORWARD: [[meta('iifname', 'tun-gateway'), jump('vpn')]], vpn: [[RETURN], [ACCEPT]] },
      'drops',
    ],
    ['a chain that jumps to itself', 'drop', { FORWARD: [[jump('FORWARD')]] }, 'depends'],
    [
      'a map of devices, as of firewalld',
      'accept',
      {
        FORWARD: [
          [{ vmap: { key: { meta: { key: 'iifname' } }, data: { set: [['eth0', { goto: { target: 'public' } }]] } } }],
          [REJECT],
        ],
        public: [[ACCEPT]],
      },
      'drops',
    ],
    [
      'a map that has the device',
      'accept',
      {
        FORWARD: [
          [
            {
              vmap: {
                key: { meta: { key: 'iifname' } },
                data: { set: [['tun-gateway', { goto: { target: 'public' } }]] },
              },
            },
          ],
          [REJECT],
        ],
        public: [[ACCEPT]],
      },
      'accepts',
    ],
  ]
  for (const [what, policy, chains, verdict] of cases) {
    it(`M1 ${what}: ${verdict}`, () => {
      expect(judge(policy, chains).verdict).to.equal(verdict)
    })
  }

  it('M1 answers pass where connections that are open pass, though new ones do not', () => {
    const chains = { FORWARD: [[state('established', 'related'), ACCEPT], [REJECT]] }
    expect(judge('drop', chains, BACK).verdict).to.equal('accepts')
    expect(judge('drop', chains, { ...BACK, state: 'new' }).verdict).to.equal('drops')
  })

  it('M2 a rule that ends the way of all packets is found, so that another one can be put before it', () => {
    expect(judge('drop', DOCKER).endsAt).to.equal(undefined)
    expect(judge('accept', { FORWARD: [[DADDR, DROP], [COUNTER, REJECT], [ACCEPT]] }).endsAt).to.equal(2)
    const ufw = { FORWARD: [[jump('before')], [jump('reject')], [jump('track')]], reject: [[REJECT]] }
    expect(judge('drop', ufw).endsAt).to.equal(2)
  })
})
