import { expect } from 'chai'
import { beforeEach, describe, it } from 'mocha'
import { drive, type Driven } from '../../../core/runtime/drive.ts'
import { MINUTE, SECOND } from '../../../core/runtime/time.ts'
import { Reconciler, type ReconcilerInput } from '../../../core/upkeep/reconciler.ts'
import { VirtualClock } from '../../kit/virtual-clock.ts'

/** Machine with one part, `routes`, that is there or not, and a repair that works or not. */
describe('the upkeep of a machine’s configuration', () => {
  let clock: VirtualClock
  let machine: Reconciler
  let driven: Driven<ReconcilerInput>
  let repairs: number[]
  let comparisons: number
  let notes: string[]
  let isThere: boolean
  let works: boolean
  let isOutdated: boolean
  let isIpv6Only: boolean

  const FAILED = { code: 'routes_failed', said: 'ip failed', remedy: 'Look.', blocks: true }

  beforeEach(() => {
    clock = new VirtualClock()
    machine = new Reconciler({ role: 'client' })
    repairs = []
    comparisons = 0
    notes = []
    isThere = false
    works = true
    isOutdated = false
    isIpv6Only = false
    driven = drive(machine, {
      clock,
      perform: (output) => {
        if (output.type === 'note') notes.push(`${output.level ?? 'info'} ${output.message}`)
        if (output.type === 'problemsChanged' || output.type === 'note') return
        const { part, type } = output
        if (type === 'compare') {
          comparisons++
          const lacking = isThere ? [] : ['a rule']
          const found = { lacking, problems: [], isOutdated: isThere && isOutdated, isIpv6Only }
          return driven.dispatch({ type: 'compared', part, ...found })
        }
        repairs.push(clock.now())
        isThere ||= works
        isOutdated = false
        driven.dispatch(works ? { type: 'repaired', part } : { type: 'failed', part, problem: FAILED })
      },
    })
    driven.dispatch({ type: 'wanted', part: 'routes' })
  })

  /** Undoes the part, and returns how long it took until it was repaired; undefined if it was not within a minute. */
  const undo = ({ stir = true } = {}): number | undefined => {
    const [began, before] = [clock.now(), repairs.length]
    isThere = false
    if (stir) driven.dispatch({ type: 'stirred' })
    while (repairs.length === before) {
      const next = clock.nextAlarm()
      if (next === undefined || next > began + MINUTE - 1) return undefined
      clock.advanceTo(next)
    }
    return (repairs.at(-1) ?? 0) - began
  }
  const codes = (): string[] => machine.problems.map(({ code }) => code)

  it('M1 a part is put in force at once, and again at once when an event tells that it was undone', () => {
    expect(repairs).to.have.length(1)
    clock.advance(1 * SECOND)
    expect(undo()).to.equal(100)
    expect(codes()).to.deep.equal([])
    expect(notes).to.have.length(1)
  })

  it('M1 a part that was undone without an event is in force again within 5 s', () => {
    clock.advance(10 * MINUTE)
    expect(repairs, 'nothing is written while nothing changes').to.have.length(1)
    expect(undo({ stir: false })).to.be.at.most(5 * SECOND)
  })

  it('M1 whoever undoes a part five times in a minute is reported and not fought', () => {
    for (let at = 0; at < 4; at++) expect(undo(), `overwrite ${at + 1}`).to.be.at.most(5 * SECOND)
    expect(codes()).to.deep.equal([])
    expect(undo()).to.equal(undefined)
    expect(codes()).to.deep.equal(['contested'])
    expect(notes.filter((note) => note.startsWith('warn'))).to.have.length(1)
    const before = repairs.length
    // The other program goes on for an hour: a truce lasts longer each time.
    for (let at = 0; at < 3_600; at++) {
      clock.advance(1 * SECOND)
      isThere = false
    }
    expect(repairs.length - before).to.be.at.most(8)
    expect(codes()).to.deep.equal(['contested'])
    // It has stopped: the next attempt lasts, and is believed once it has lasted a minute.
    clock.advance(20 * MINUTE)
    expect([isThere, codes()]).to.deep.equal([true, []])
  })

  it('M1 a part that was fought over is still a problem while it is in force again, but one that blocks nobody', () => {
    for (let at = 0; at < 5; at++) undo()
    expect(machine.problems.map(({ blocks }) => blocks)).to.deep.equal([true])
    isThere = true
    clock.advance(5 * SECOND)
    expect(machine.problems.map(({ code, blocks }) => [code, blocks])).to.deep.equal([['contested', false]])
    clock.advance(1 * MINUTE)
    expect(codes()).to.deep.equal([])
  })

  it('M4 a part that cannot be repaired is a problem that is logged once, and is over when it can', () => {
    works = false
    isThere = false
    clock.advance(10 * MINUTE)
    expect(codes()).to.deep.equal(['routes_failed'])
    expect(repairs.length).to.be.at.most(20)
    expect(notes.filter((note) => note.startsWith('warn'))).to.have.length(1)
    works = true
    clock.advance(2 * MINUTE)
    expect([isThere, codes()]).to.deep.equal([true, []])
    expect(notes.at(-1)).to.equal('info a problem of this machine for the client is over')
  })

  it('M1 changes of the machine are followed without being taken for somebody who undoes them', () => {
    for (let at = 0; at < 10; at++) {
      isOutdated = true
      driven.dispatch({ type: 'stirred' })
      clock.advance(2 * SECOND)
    }
    expect(repairs).to.have.length(11)
    expect([codes(), notes]).to.deep.equal([[], []])
  })

  it('M1 a part that is never found as it was wanted is not written more often than once a second', () => {
    const before = repairs.length
    for (let at = 0; at < 600; at++) {
      isOutdated = true
      driven.dispatch({ type: 'stirred' })
      clock.advance(100)
    }
    expect(repairs.length - before).to.be.at.most(61)
  })

  it('M1 a machine on which something changes all the time is not compared more often than twice a second', () => {
    const before = comparisons
    for (let at = 0; at < 1_000; at++) {
      driven.dispatch({ type: 'stirred' })
      clock.advance(10)
    }
    expect(comparisons - before).to.be.within(10, 21)
  })

  it('M2 a part that is not wanted any more is left alone', () => {
    driven.dispatch({ type: 'unwanted', part: 'routes' })
    expect(undo()).to.equal(undefined)
  })

  /** Returns how often the part was compared within ten minutes in which nothing stirred. */
  const comparedInPeace = (): number => {
    const before = comparisons
    clock.advance(10 * MINUTE)
    return comparisons - before
  }

  it('M1 a part is compared every few seconds where nothing tells of changes, and seldom where they are told', () => {
    expect(comparedInPeace()).to.be.within(140, 160)
    driven.dispatch({ type: 'watched', isWatched: true })
    expect(comparedInPeace()).to.be.within(10, 15)
    driven.dispatch({ type: 'watched', isWatched: false })
    expect(comparedInPeace()).to.be.within(140, 160)
  })

  it('M1 a part of whose changes nothing tells is compared every few seconds, whatever else is watched', () => {
    driven.dispatch({ type: 'unwanted', part: 'routes' })
    driven.dispatch({ type: 'wanted', part: 'routes', isUnwatched: true })
    driven.dispatch({ type: 'watched', isWatched: true })
    expect(comparedInPeace()).to.be.within(140, 160)
  })

  it('M4 a part that somebody keeps undoing for IPv6 alone is reported, and blocks nothing', () => {
    isIpv6Only = true
    clock.advance(10)
    for (let times = 0; times < 5; times++) undo()
    expect(machine.problems.map(({ code, blocks }) => [code, blocks])).to.deep.equal([['contested', false]])
  })

  it('M1 what is undone while a watch begins or ends is found within five seconds', () => {
    for (const isWatched of [true, false]) {
      clock.advance(MINUTE)
      driven.dispatch({ type: 'watched', isWatched })
      clock.advance(1 * SECOND)
      expect(undo({ stir: false })).to.be.below(5 * SECOND)
    }
  })
})
