import { expect } from 'chai'
import { beforeEach, describe, it } from 'mocha'
import type { ClientFact } from '../../../core/control/messages.ts'
import { drive, type Driven } from '../../../core/runtime/drive.ts'
import { MINUTE, SECOND } from '../../../core/runtime/time.ts'
import { OwnFacts, type OwnFactsInput } from '../../../hosts/client/own-facts.ts'
import { VirtualClock } from '../../kit/virtual-clock.ts'

describe('facts that a client tells of its own machine', () => {
  let clock: VirtualClock
  let facts: OwnFacts
  let driven: Driven<OwnFactsInput>
  let told: ClientFact[][]

  beforeEach(() => {
    clock = new VirtualClock()
    facts = new OwnFacts()
    told = []
    driven = drive<OwnFactsInput, { message: { event: string; payload: unknown } }>(facts, {
      clock,
      perform: ({ message }) => {
        expect(message.event).to.equal('clientFacts')
        told.push((message.payload as { facts: ClientFact[] }).facts)
      },
    })
  })

  const want = (names: string[], isNewConnection = false) =>
    driven.dispatch({ type: 'factsWanted', names, isNewConnection })
  const find = (name: string, value: unknown, goodForMs = 2 * MINUTE) =>
    driven.dispatch({ type: 'factFound', name, value, goodForMs })

  it('X4 are those that the portal wants, with their age, and no others', () => {
    find('disk.encrypted', true)
    find('disk.owner', 'Ada')
    clock.advance(SECOND)
    expect(told).to.deep.equal([])
    want(['disk.encrypted', 'disk.absent'])
    expect(told).to.deep.equal([[{ name: 'disk.encrypted', value: true, age_ms: SECOND }]])
    expect(facts.status()).to.deep.equal([
      { name: 'disk.encrypted', value: true, is_told: true },
      { name: 'disk.owner', value: 'Ada', is_told: false },
    ])
  })

  it('are told at once when they change, and confirmed as they are found again, but not more often than every 5 s', () => {
    want(['disk.encrypted'])
    find('disk.encrypted', true)
    find('disk.encrypted', false)
    expect(told.flat().map(({ value }) => value)).to.deep.equal([true, false])
    for (let time = 0; time < 40; time++) {
      clock.advance(SECOND / 2)
      find('disk.encrypted', false)
    }
    expect(told).to.have.length(2 + 4)
    clock.advance(MINUTE)
    expect(told).to.have.length(2 + 4 + 1)
  })

  it('go as one message each 5 s where they never rest, with the latest value', () => {
    want(['cpu.load'])
    for (let time = 0; time < 100; time++) {
      find('cpu.load', time)
      clock.advance(SECOND)
    }
    expect(told.length).to.be.within(20, 26)
    clock.advance(5 * SECOND)
    expect(told.at(-1)?.[0]).to.include({ name: 'cpu.load', value: 99 })
    expect(told.at(-1)?.[0]?.age_ms).to.be.at.most(5 * SECOND)
  })

  it('are told unknown once a plugin does not know them any more', () => {
    want(['disk.encrypted'])
    find('disk.encrypted', undefined)
    expect(told).to.deep.equal([])
    find('disk.encrypted', true)
    find('disk.encrypted', undefined)
    find('disk.encrypted', undefined)
    clock.advance(MINUTE)
    expect(told.map(([fact]) => fact?.value)).to.deep.equal([true, undefined])
  })

  it('are told again on each connection while they are good, and of a portal that does not ask nothing is kept back for later', () => {
    want(['disk.encrypted'])
    find('disk.encrypted', true)
    want([], true)
    want(['disk.encrypted'])
    expect(told).to.have.length(2)
    want(['disk.encrypted'])
    expect(told).to.have.length(2)
    clock.advance(2 * MINUTE)
    want([], true)
    want(['disk.encrypted'])
    expect(told).to.have.length(2)
  })

  it('are cut into messages that a portal takes', () => {
    const names = Array.from({ length: 20 }, (_, at) => `big.fact_${at}`)
    for (const name of names) find(name, 'x'.repeat(4_000))
    want(names)
    clock.advance(MINUTE)
    expect(told.flat().map(({ name }) => name)).to.have.members(names)
    for (const message of told) expect(JSON.stringify(message).length).to.be.lessThan(60_000)
  })
})
