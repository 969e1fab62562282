import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { describe, it } from 'mocha'
import { NO_KEPT_NAMES, type KeptNames } from '../../../../core/dns/kept-names.ts'
import { RecordType, writeQuery } from '../../../../core/dns/message.ts'
import { drive } from '../../../../core/runtime/drive.ts'
import { KeptNamesFile } from '../../../../hosts/client/names/kept-names-file.ts'
import {
  NameService,
  type NameServiceInput,
  type NameServiceOutput,
} from '../../../../hosts/client/names/name-service.ts'
import { RecordingLogger } from '../../../kit/recording-logger.ts'
import { SeededRandom } from '../../../kit/seeded-random.ts'
import { VirtualClock } from '../../../kit/virtual-clock.ts'

const ADA = { account_slug: 'example', actor_name: 'Ada', actor_id: '00000000-0000-0000-0000-00000000000a' }
const EVE = { ...ADA, actor_name: 'Eve', actor_id: '00000000-0000-0000-0000-00000000000e' }

/** One run of a client's name service, by a person, with what the runs before it have kept. */
class Run {
  readonly clock = new VirtualClock()
  readonly service: NameService
  readonly #outputs: NameServiceOutput[] = []
  readonly #tell: (input: NameServiceInput) => void

  constructor(person: typeof ADA | undefined, kept?: KeptNames) {
    this.service = new NameService({
      read: () => expect.fail('no resolver'),
      portalHost: 'portal.example.org',
      ...(kept && { kept }),
    })
    const driven = drive(this.service, { clock: this.clock, perform: (output) => this.#outputs.push(output) })
    this.#tell = (input) => driven.dispatch(input)
    const address = { ipv4: '100.64.0.1', ipv6: 'fd00:2021:1111::1' }
    this.#tell({ type: 'upstreamsFound', own: [], system: [], searchDomains: [] })
    this.#tell({ type: 'configured', interface: { ...address, ...(person && { signed_in_as: person }) } })
    this.#tell({ type: 'resourcesChanged', resources: [{ id: 'all', address: '*.example.org' }] })
  }

  /** First mapped address of each name, as the packet engine was told, after these names were asked for. */
  addresses(...names: string[]): Record<string, string> {
    for (const name of names) {
      const message = writeQuery({ id: 1, name, type: RecordType.A }) ?? new Uint8Array()
      this.#tell({ type: 'inspectionRequested', inspection: 1, message, protocol: 'udp' })
    }
    const mapped = this.#outputs.flatMap((output) =>
      output.type === 'flowsTold' && output.input.type === 'nameMapped' ? [output.input] : [],
    )
    return Object.fromEntries(mapped.map(({ domain, addresses: [first = ''] }) => [domain, first]))
  }

  /** Last names that were written down while the run went on. */
  get written(): KeptNames {
    const last = this.#outputs.findLast((output) => output.type === 'keepNames')
    return last?.type === 'keepNames' ? last.kept : NO_KEPT_NAMES
  }
}

const names = Array.from({ length: 5 }, (_, at) => `n${at}.example.org`)

describe('names with mapped addresses, from one run of a client to the next', () => {
  it('D14 a name has the addresses that it had, before anybody asks for it, and new names have others', () => {
    const first = new Run(ADA)
    const before = first.addresses(...names)
    const second = new Run(ADA, first.service.keptNames)
    expect(second.addresses(), 'a cached address leads on').to.deep.equal(before)
    const all = second.addresses('new.example.org', ...names.toReversed())
    expect(all).to.deep.include(before)
    expect(new Set(Object.values(all)).size).to.equal(names.length + 1)
  })

  it('D14 another person gets other addresses, and the first one has hers again later', () => {
    const ada = new Run(ADA)
    const hers = ada.addresses(...names)
    const eve = new Run(EVE, ada.service.keptNames)
    expect(eve.addresses(), 'nothing of another person leads anywhere').to.deep.equal({})
    const theirs = eve.addresses('wiki.example.org', ...names)
    for (const address of Object.values(theirs)) expect(Object.values(hers)).not.to.include(address)
    const again = new Run(ADA, eve.service.keptNames)
    expect(again.addresses(...names)).to.deep.equal(hers)
    const others = Object.values(again.addresses('late.example.org'))
    for (const address of Object.values(theirs)) expect(others).not.to.include(address)
  })

  it('D14 a run that was killed leaves none of its addresses to another name', () => {
    const killed = new Run(ADA)
    const early = killed.addresses(...names)
    killed.clock.advance(1_000)
    const late = killed.addresses('late.example.org')
    const after = new Run(ADA, killed.written)
    expect(after.addresses()).to.deep.equal(early)
    const added = after.addresses('other.example.org')['other.example.org']
    expect(Object.values(late)).not.to.include(added)
  })

  it('D14 where the portal does not say who it is, names are not kept and addresses are not used again', () => {
    const first = new Run(undefined)
    const before = Object.values(first.addresses(...names))
    expect(JSON.stringify(first.service.keptNames)).not.to.contain('n0.example.org')
    const second = new Run(undefined, first.service.keptNames)
    for (const address of Object.values(second.addresses(...names))) expect(before).not.to.include(address)
  })

  it('names of at most 8 people are kept, and 8,192 of each, those used last', () => {
    let kept: KeptNames | undefined
    for (let at = 0; at < 10; at++) {
      const run = new Run({ ...ADA, actor_id: `00000000-0000-0000-0000-00000000000${at}` }, kept)
      run.addresses('www.example.org')
      kept = run.service.keptNames
    }
    expect(kept?.people.map(({ person }) => person.at(-1)).join('')).to.equal('23456789')
    const long = new Run(ADA)
    long.addresses(...Array.from({ length: 8_200 }, (_, at) => `n${at}.example.org`))
    const [person] = long.service.keptNames.people
    expect(person?.names).to.have.length(8_192)
    expect(person?.names.at(-1)?.[0]).to.equal('n8199.example.org')
  })

  it('the file with the names is its owner’s only, and one that cannot be read is replaced, with addresses elsewhere', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'names-'))
    const logger = new RecordingLogger()
    const file = new KeptNamesFile({ folder, logger })
    expect(await file.read(new SeededRandom('names'))).to.deep.equal(NO_KEPT_NAMES)
    const kept: KeptNames = { version: 1, next: 7, people: [{ person: 'ada', names: [['a.example.org', 3]] }] }
    file.write(NO_KEPT_NAMES)
    file.write(kept)
    await file.settled()
    expect(await file.read(new SeededRandom('names'))).to.deep.equal(kept)
    expect((await stat(join(folder, 'names'))).mode & 0o777).to.equal(0o600)
    await writeFile(join(folder, 'names'), (await readFile(join(folder, 'names'), 'utf8')).slice(0, -4))
    const { next, people } = await file.read(new SeededRandom('names'))
    expect(people).to.deep.equal([])
    expect(next).to.be.above(7)
    await rm(folder, { recursive: true })
  })
})
