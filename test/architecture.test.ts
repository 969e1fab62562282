import { readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { expect } from 'chai'
import { describe, it } from 'mocha'
import { importCircles } from './kit/import-circles.ts'
import { packageRoot, sourceFiles, type SourceFile, type SourceImport } from './kit/source-tree.ts'

// ARCHITECTURE.md's table of who may import whom. Each rule has its because, which is its failure message.

const CORE_PACKAGES = new Set(['zod', 'ipaddr.js', '@noble/ciphers', '@noble/curves', '@noble/hashes'])

/** Folders of core that each may import beside itself; all may import runtime, config, di and contract. */
const CORE_ARROWS: Readonly<Record<string, readonly string[]>> = {
  runtime: [],
  config: [],
  crypto: [],
  net: ['crypto'],
  dns: ['net'],
  nat: ['net'],
  upkeep: ['net'],
  stun: ['net', 'crypto'],
  turn: ['net', 'crypto', 'stun'],
  // ICE's paths lead to a tunnel transport, which is a plugin.
  ice: ['net', 'crypto', 'stun', 'turn', 'plugin'],
  flow: ['net', 'dns', 'nat', 'ice'],
  contract: [],
  plugin: ['contract'],
  policy: ['flow', 'net', 'dns', 'contract', 'plugin'],
  control: ['policy', 'net', 'crypto', 'dns', 'turn', 'ice', 'flow', 'contract', 'plugin'],
}

/** Folders of pages for admins, one for each heading of their list. */
const ADMIN_SECTIONS = ['web/admin/who', 'web/admin/what', 'web/admin/access', 'web/admin/record', 'web/admin/account']

/** Folders of the portal that a page for admins may import. */
const SECTION_ARROWS = [
  'explain',
  'identity',
  'store',
  'web/admin/bulk',
  'web/admin/detail',
  'web/admin/effect',
  'web/admin/form',
  'web/admin/list',
  'web/admin/page',
  'web/api',
  'web/http',
  'web/provider-test',
  'web/sign-in',
]

/** Folders of hosts/portal that each may import, types included: ARCHITECTURE.md has a line for each. */
const PORTAL_ARROWS: Readonly<Record<string, readonly string[]>> = {
  text: [],
  origin: [],
  'store/migrations': ['text'],
  store: ['store/migrations', 'text'],
  identity: ['store'],
  backup: ['store'],
  stun: ['origin'],
  settings: ['store'],
  decide: ['store'],
  wire: ['decide', 'store'],
  grants: ['decide', 'origin', 'store', 'wire'],
  relays: ['channel', 'decide', 'identity', 'origin', 'store', 'text'],
  explain: ['decide', 'grants', 'store', 'text', 'wire'],
  channel: ['decide', 'explain', 'grants', 'identity', 'origin', 'store', 'text'],
  'web/http': ['origin', 'store'],
  'web/sign-in': ['identity', 'origin', 'store', 'text', 'web/http'],
  'web/api': ['decide', 'explain', 'identity', 'relays', 'settings', 'store', 'text', 'web/http', 'web/sign-in'],
  'web/provider-test': ['identity', 'settings', 'store', 'web/http', 'web/sign-in'],
  'web/admin/page': ['explain', 'identity', 'store', 'web/api', 'web/http', 'web/provider-test', 'web/sign-in'],
  'web/admin/detail': ['identity', 'store', 'web/admin/page'],
  'web/admin/live': ['identity', 'store', 'web/admin/page', 'web/http', 'web/sign-in'],
  'web/admin/list': ['identity', 'store', 'web/admin/page', 'web/api', 'web/http'],
  'web/admin/bulk': ['web/admin/form', 'web/admin/list', 'web/admin/page', 'web/api', 'web/http'],
  'web/admin/effect': ['explain', 'store', 'web/admin/page'],
  'web/admin/form': ['identity', 'web/admin/effect', 'web/admin/page', 'web/api', 'web/http'],
  ...Object.fromEntries(ADMIN_SECTIONS.map((section) => [section, SECTION_ARROWS])),
  'web/admin': [...ADMIN_SECTIONS, ...SECTION_ARROWS, 'web/admin/live'],
  'web/my': ['explain', 'identity', 'store', 'web/api', 'web/http', 'web/sign-in', 'wire'],
  web: [
    'channel',
    'identity',
    'origin',
    'web/admin',
    'web/api',
    'web/http',
    'web/my',
    'web/provider-test',
    'web/sign-in',
  ],
}

/** Folders of hosts/portal that hold only pure code: machines, decisions, reads and translations. */
const PURE_PORTAL = /^hosts\/portal\/(grants|explain|decide|wire)\//

const OPEN_CORE = new Set(['runtime', 'config', 'contract'])

interface Rule {
  because: string
  applies: (file: SourceFile) => boolean
  forbids: (target: SourceImport, file: SourceFile) => boolean
}

const folderOf = (path: string, depth: number): string => path.split('/').slice(0, depth).join('/')
const isRelative = (target: SourceImport): boolean => target.specifier.startsWith('.')
const within = (target: SourceImport, folder: string): boolean => target.target.startsWith(`${folder}/`)
/** Whether a file belongs to the client, the gateway or the relay, which have a link to a portal. */
const isPeerRole = (file: SourceFile): boolean => /^hosts\/(client|gateway|relay)\//.test(file.path)
/** Whether a file may embed the relay: a portal has one in its own process. */
const embedsRelay = (file: SourceFile): boolean => file.path.startsWith('hosts/portal/')
/** Folder of a file relative to another folder, `web/api`; undefined for files beside it or directly in it. */
const folderBelow = (path: string, folder: string): string | undefined => {
  const below = path.startsWith(`${folder}/`) ? posix.dirname(path.slice(folder.length + 1)) : '.'
  return below === '.' ? undefined : below
}
const isPackage = (target: SourceImport): boolean => !isRelative(target) && !target.target.startsWith('node:')

const RULES: readonly Rule[] = [
  {
    because: 'core is pure: it knows neither plugins nor hosts nor tests, or it could not be tested without them',
    applies: (file) => file.path.startsWith('core/'),
    forbids: (target) => isRelative(target) && !within(target, 'core'),
  },
  {
    because: 'the container library is seen in core/di.ts only, so that nobody needs to know it',
    applies: (file) => file.path !== 'core/di.ts',
    forbids: (target) => target.target === 'tsyringe' || target.target === 'reflect-metadata',
  },
  {
    because: 'core takes only libraries without I/O, clock or randomness, each named in this test',
    applies: (file) => file.path.startsWith('core/') && file.path !== 'core/di.ts',
    forbids: (target) => isPackage(target) && !CORE_PACKAGES.has(target.target),
  },
  {
    because: 'of node: core uses only the deterministic functions of node:crypto, in core/crypto',
    applies: (file) => file.path.startsWith('core/'),
    forbids: (target, file) =>
      target.target.startsWith('node:') && !(target.target === 'node:crypto' && file.path.startsWith('core/crypto/')),
  },
  {
    because: 'the arrows inside core run one way: net <- dns, nat, stun <- turn <- ice <- flow, policy <- control',
    applies: (file) => /^core\/[^/]+\//.test(file.path),
    forbids: (target, file) => {
      if (!within(target, 'core')) return false
      const [from = '', to = ''] = [file.path.split('/')[1], target.target.split('/')[1]]
      if (to.endsWith('.ts')) return to !== 'di.ts'
      return from !== to && !OPEN_CORE.has(to) && !(CORE_ARROWS[from] ?? []).includes(to)
    },
  },
  {
    because: "the client's packet engine and the gateway's share what lies beside them, and neither needs the other",
    applies: (file) => /^core\/flow\/(client|gateway)\//.test(file.path),
    forbids: (target, file) =>
      (within(target, 'core/flow/client') || within(target, 'core/flow/gateway')) &&
      !within(target, folderOf(file.path, 3)),
  },
  {
    because: 'what both packet engines share depends on neither',
    applies: (file) => /^core\/flow\/[^/]+\.ts$/.test(file.path),
    forbids: (target) => within(target, 'core/flow/client') || within(target, 'core/flow/gateway'),
  },
  {
    because: 'a plugin sees the public API only, as a third party would, and never another plugin',
    applies: (file) => file.path.startsWith('plugins/'),
    forbids: (target, file) =>
      isRelative(target)
        ? !within(target, folderOf(file.path, 2))
        : target.specifier.startsWith('portreeve/') && target.specifier !== 'portreeve/crypto',
  },
  {
    because: 'the doors of the public API are for plugins: within the product, files are imported where they are',
    applies: (file) => /^(core|hosts)\//.test(file.path),
    forbids: (target) => target.target.startsWith('portreeve') || target.target === 'core/crypto/index.ts',
  },
  {
    because: 'hosts never name a plugin: configuration does, and any plugin folder may be deleted',
    applies: (file) => file.path.startsWith('hosts/'),
    forbids: (target) => within(target, 'plugins') || within(target, 'test') || target.target === 'portreeve',
  },
  {
    because:
      'a host knows hosts/runtime and no other host, client, gateway and relay hosts/peer, the portal the relay that it embeds; the command line and the lab know the mains',
    applies: (file) => /^hosts\/(portal|client|gateway|peer|relay)\//.test(file.path),
    forbids: (target, file) =>
      within(target, 'hosts') &&
      ![
        folderOf(file.path, 2),
        'hosts/runtime',
        ...(isPeerRole(file) ? ['hosts/peer'] : []),
        ...(embedsRelay(file) ? ['hosts/relay'] : []),
      ].some((folder) => within(target, folder)),
  },
  {
    because: "the portal's folders import downwards only: web, channel -> explain -> grants -> wire -> decide -> store",
    applies: (file) => folderBelow(file.path, 'hosts/portal') !== undefined,
    forbids: (target, file) => {
      const from = folderBelow(file.path, 'hosts/portal') ?? ''
      if (!within(target, 'hosts/portal')) return false
      const to = folderBelow(target.target, 'hosts/portal')
      return to === undefined || (to !== from && !(PORTAL_ARROWS[from] ?? []).includes(to))
    },
  },
  {
    because:
      "the portal's machine, its decisions, its explanations and its wire need no socket, no server and no database",
    applies: (file) => PURE_PORTAL.test(file.path),
    forbids: (target) => isPackage(target) && target.target !== 'zod',
  },
  {
    because: 'hosts/runtime implements the ports: it needs core/runtime, core/net, core/upkeep and the system',
    applies: (file) => file.path.startsWith('hosts/runtime/'),
    forbids: (target, file) =>
      isRelative(target) &&
      ![
        'hosts/runtime',
        'core/runtime',
        'core/net',
        'core/config',
        'core/plugin',
        'core/upkeep',
        // A lane runs flows and seals with the transport's keys.
        ...(file.path.startsWith('hosts/runtime/lane/') ? ['core/flow', 'core/contract'] : []),
        // DNS sockets match answers to queries, which takes the codec.
        ...(file.path.startsWith('hosts/runtime/dns-') ? ['core/dns'] : []),
      ].some((folder) => within(target, folder)),
  },
  {
    because: 'an import with a side effect is work that nobody asked for',
    applies: (file) => !file.path.startsWith('test/') && file.path !== 'core/di.ts',
    forbids: (target) => target.bare,
  },
  {
    because: 'state machines are pure: what they need of the world is an input',
    applies: (file) => /^hosts\/.*\/state(-[a-z]+)?\.ts$/.test(file.path) || PURE_PORTAL.test(file.path),
    forbids: (target, file) => target.target.startsWith('node:') && (!target.typeOnly || PURE_PORTAL.test(file.path)),
  },
]

const FORBIDDEN_GLOBALS: readonly { pattern: RegExp; name: string }[] = [
  { pattern: /\bDate\.now\b|\bnew Date\(\)/, name: 'the wall clock' },
  { pattern: /\bperformance\b/, name: 'the monotonic clock' },
  { pattern: /\b(setTimeout|setInterval|setImmediate|queueMicrotask)\b/, name: 'a timer' },
  { pattern: /\bMath\.random\b|\brandomBytes\b|\brandomUUID\b|\bgetRandomValues\b/, name: 'randomness' },
  { pattern: /\bprocess\./, name: 'the process' },
  { pattern: /\bconsole\./, name: 'the console' },
  { pattern: /\bfetch\(/, name: 'the network' },
]

/** Files through which others see core: `index.ts` and `crypto/index.ts` export to plugins, `di.ts` to every folder. */
const DOORS = new Set(['core/index.ts', 'core/di.ts', 'core/crypto/index.ts'])

const MAN_PAGE = ['Name', 'Description', 'Config', 'Examples', 'Failure', 'Metrics', 'See also']

/** First words of a comment that is not understood alone. */
const FRAGMENT = /^(?:Of|By|As|What|Or|Who|Whoever|Whose|Where|With|Without|To|From|Which)\b/

/** First lines of the doc comments and of the runs of line comments in a file. */
const firstLinesOfComments = (text: string): string[] => {
  const lines = text.split('\n')
  return lines.flatMap((line, at) => {
    const [, doc] = /^\s*\/\*\*?\s*(.*)$/.exec(line) ?? []
    if (doc !== undefined) return [doc === '' ? (lines[at + 1] ?? '').replace(/^\s*\*\s?/, '') : doc]
    const [, remark] = /^\s*\/\/\s?(.*)$/.exec(line) ?? []
    return remark === undefined || /^\s*\/\//.test(lines[at - 1] ?? '') ? [] : [remark]
  })
}

const SOURCES = sourceFiles(['core', 'plugins', 'hosts', 'test'])
const PRODUCT = SOURCES.filter((file) => !file.path.startsWith('test/'))

describe('architecture', () => {
  it('reads the tree', () => {
    expect(SOURCES.length).to.be.greaterThan(30)
    expect(SOURCES.flatMap((file) => file.imports).length).to.be.greaterThan(50)
  })

  for (const rule of RULES) {
    it(rule.because, () => {
      const broken = SOURCES.filter((file) => rule.applies(file)).flatMap((file) =>
        file.imports
          .filter((target) => rule.forbids(target, file))
          .map((target) => `${file.path} -> ${target.specifier}`),
      )
      expect(broken, `because ${rule.because}`).to.deep.equal([])
    })
  }

  it('cites only statements and sections of the wire that test/BEHAVIOURS.md has', () => {
    const page = readFileSync(join(packageRoot(), 'test/BEHAVIOURS.md'), 'utf8')
    const known = new Set([...page.matchAll(/^- \*\*([SPDTHMX]\d+|§\d)\*\*/gm)].map((match) => match[1] ?? ''))
    expect(known.size).to.be.greaterThan(80)
    const broken = SOURCES.flatMap((file) => {
      const titles = [...file.text.matchAll(/\b(?:it|describe)\(\s*['"`]([SPDTHMX]\d{1,2})\b/g)]
      const sections = [...file.text.matchAll(/\bwire (§\d)/g)]
      return [...titles, ...sections]
        .map((match) => match[1] ?? '')
        .filter((number) => !known.has(number))
        .map((number) => `${file.path} cites ${number}`)
    })
    expect(broken).to.deep.equal([])
  })

  it('keeps clocks, timers, randomness and the process out of core, machines and policy', () => {
    const pure = PRODUCT.filter(
      (file) =>
        file.path.startsWith('core/') ||
        /\/state(-[a-z]+)?\.ts$/.test(file.path) ||
        PURE_PORTAL.test(file.path) ||
        file.path.startsWith('plugins/condition-'),
    )
    const broken = pure.flatMap((file) =>
      FORBIDDEN_GLOBALS.filter(({ pattern }) => pattern.test(file.code)).map(({ name }) => `${file.path} uses ${name}`),
    )
    expect(broken).to.deep.equal([])
  })

  it('has no circle of folders, imports of types included', () => {
    const rooms = PRODUCT.filter((file) => !DOORS.has(file.path))
    expect(importCircles(rooms, (path) => posix.dirname(path))).to.deep.equal([])
  })

  it('has no circle of files, imports of types included', () => {
    expect(importCircles(PRODUCT, (path) => path)).to.deep.equal([])
  })

  it('finds circles where there are some', () => {
    const file = (path: string, target: string): SourceFile => ({
      path,
      text: '',
      code: '',
      imports: [{ specifier: '', target, typeOnly: true, bare: false }],
    })
    const files = [file('a/one.ts', 'b/two.ts'), file('b/two.ts', 'b/three.ts'), file('b/three.ts', 'a/four.ts')]
    expect(importCircles([...files, file('a/four.ts', 'c/no.ts')], (path) => posix.dirname(path))).to.deep.equal([
      'a -> b -> a (a/one.ts imports b/two.ts; b/three.ts imports a/four.ts)',
    ])
    expect(importCircles([...files, file('a/four.ts', 'a/one.ts')], (path) => path)).to.have.length(1)
    expect(importCircles([...files, file('a/four.ts', 'c/no.ts')], (path) => path)).to.deep.equal([])
  })

  it('has no default exports, and no any, outside of tests of bad input', () => {
    const broken = PRODUCT.filter((file) => /^export default\b/m.test(file.code) || /\bas unknown as\b/.test(file.code))
    expect(broken.map((file) => file.path)).to.deep.equal([])
  })

  it('copies bytes by the constructor: slice() of a Buffer, which sockets give, is no copy', () => {
    const pure = PRODUCT.filter((file) => /^(core|plugins)\//.test(file.path))
    expect(pure.filter((file) => /\.slice\(\)/.test(file.code)).map((file) => file.path)).to.deep.equal([])
  })

  it('begins no comment with a fragment: Of, By, As, What, Or, Who, Where, With, Without, To, From, Which', () => {
    const broken = SOURCES.flatMap((file) =>
      firstLinesOfComments(file.text)
        .filter((comment) => FRAGMENT.test(comment))
        .map((comment) => `${file.path}: ${comment.slice(0, 80)}`),
    )
    expect(broken).to.deep.equal([])
  })

  it('has no junk drawers', () => {
    const junk = /(^|[-/])(manager|helpers?|utils?|common|misc|base)([-./]|$)/
    expect(SOURCES.map((file) => file.path).filter((path) => junk.test(path))).to.deep.equal([])
  })

  it('gives every plugin its front door and its man page', () => {
    const plugins = new Set(
      PRODUCT.filter((file) => file.path.startsWith('plugins/')).map((file) => folderOf(file.path, 2)),
    )
    for (const folder of plugins) {
      const door = PRODUCT.find((file) => file.path === `${folder}/index.ts`)
      expect(door, `${folder} has an index.ts`).not.to.equal(undefined)
      const exports = [...(door?.code ?? '').matchAll(/^export\s.*$/gm)].map((match) => match[0])
      expect(exports.length, `${folder}/index.ts exports plugin and nothing else: ${exports.join('; ')}`).to.equal(1)
      expect(exports[0]).to.match(/^export const plugin = /)
      const page = readFileSync(join(packageRoot(), folder, 'README.md'), 'utf8')
      const sections = [...page.matchAll(/^(?:## |\*\*)(\w[\w ]*)/gm)].map((match) => match[1])
      expect(sections, `${folder}/README.md is a man page`).to.deep.equal(MAN_PAGE)
    }
  })

  it('lets any plugin be deleted: nothing in core or hosts names a plugin folder', () => {
    const plugins = new Set(
      PRODUCT.filter((file) => file.path.startsWith('plugins/')).map((file) => folderOf(file.path, 2)),
    )
    const names = [...plugins].map((folder) => folder.split('/')[1] ?? '')
    const broken = PRODUCT.filter((file) => !file.path.startsWith('plugins/')).flatMap((file) =>
      file.imports
        .filter((target) => names.some((name) => target.specifier.includes(`/${name}/`)))
        .map(() => file.path),
    )
    expect(broken).to.deep.equal([])
  })
})
