import { expect } from 'chai'
import * as fc from 'fast-check'
import { describe, it } from 'mocha'
import { HOUR, MINUTE, unixTime } from '../../core/runtime/time.ts'
import { DAYS, Settings } from '../../plugins/condition-time-window/config.ts'
import { TimeWindow } from '../../plugins/condition-time-window/time-window.ts'
import { policyConditionSuite } from '../conformance/policy-condition.ts'

const ALL = [...DAYS]
const WEEKDAYS = ALL.slice(0, 5)

policyConditionSuite('time-window', {
  create: () => new TimeWindow(),
  schema: Settings,
  settings: [
    { timezone: 'Europe/Berlin', ranges: [{ days: WEEKDAYS, from: '09:00', to: '17:00' }] },
    { ranges: [{ days: ['sun'], from: '22:00', to: '06:00' }] },
    { timezone: 'America/New_York', ranges: [{ days: ALL, from: '01:30', to: '02:30' }] },
    { timezone: 'Australia/Lord_Howe', ranges: [{ days: ['sun'], from: '01:45', to: '02:15' }] },
    { timezone: 'Asia/Kathmandu', ranges: [{ days: ALL, from: '00:00', to: '24:00' }] },
    { timezone: 'Africa/Casablanca', ranges: [{ days: ['fri', 'sun'], from: '02:00', to: '03:00' }] },
    { timezone: 'Pacific/Apia', ranges: [{ days: ['mon', 'fri'], from: '00:00', to: '24:00' }] },
  ],
  refused: [
    {},
    { ranges: [] },
    { ranges: [{ days: [], from: '09:00', to: '17:00' }] },
    { ranges: [{ days: ['monday'], from: '09:00', to: '17:00' }] },
    { ranges: [{ days: ['mon'], from: '9:00', to: '17:00' }] },
    { ranges: [{ days: ['mon'], from: '24:00', to: '17:00' }] },
    { ranges: [{ days: ['mon'], from: '09:00', to: '24:01' }] },
    { ranges: [{ days: ['mon'], from: '09:00', to: '09:00' }] },
    { timezone: '+01:00', ranges: [{ days: ['mon'], from: '09:00', to: '17:00' }] },
    { timezone: 'Europe/Atlantis', ranges: [{ days: ['mon'], from: '09:00', to: '17:00' }] },
  ],
})

const timeWindow = new TimeWindow()

const ask = (settings: unknown, at: string | number) =>
  timeWindow.evaluate({
    settings: Settings.parse(settings),
    facts: {},
    at: unixTime(typeof at === 'number' ? at : Date.parse(at)),
  })

/** Whether it holds, and when that changes, as text. */
const answer = (settings: unknown, at: string): [boolean, string | undefined] => {
  const verdict = ask(settings, at)
  const end = verdict.holds ? verdict.until : verdict.again
  return [verdict.holds, end === undefined ? undefined : new Date(end).toISOString().replace(':00.000Z', 'Z')]
}

describe('time-window', () => {
  const berlin = { timezone: 'Europe/Berlin', ranges: [{ days: WEEKDAYS, from: '09:00', to: '17:00' }] }

  it('P5 time-window holds at the first moment of a window and not at its end', () => {
    expect(answer(berlin, '2026-01-05T07:59:59.999Z')).to.deep.equal([false, '2026-01-05T08:00Z'])
    expect(answer(berlin, '2026-01-05T08:00:00Z')).to.deep.equal([true, '2026-01-05T16:00Z'])
    expect(answer(berlin, '2026-01-05T15:59:59.999Z')).to.deep.equal([true, '2026-01-05T16:00Z'])
    expect(answer(berlin, '2026-01-05T16:00:00Z')).to.deep.equal([false, '2026-01-06T08:00Z'])
  })

  it('P5 time-window skips the days that are not named', () => {
    expect(answer(berlin, '2026-01-09T16:00:00Z')).to.deep.equal([false, '2026-01-12T08:00Z'])
    expect(answer(berlin, '2026-01-10T12:00:00Z')).to.deep.equal([false, '2026-01-12T08:00Z'])
  })

  it('P5 time-window follows daylight saving: the same wall clock on both sides of a change', () => {
    // Berlin: 2026-03-29 and 2026-10-25, both Sundays.
    expect(answer(berlin, '2026-03-27T12:00:00Z')).to.deep.equal([true, '2026-03-27T16:00Z'])
    expect(answer(berlin, '2026-03-27T17:00:00Z')).to.deep.equal([false, '2026-03-30T07:00Z'])
    expect(answer(berlin, '2026-10-23T16:00:00Z')).to.deep.equal([false, '2026-10-26T08:00Z'])
    const nights = { timezone: 'Europe/Berlin', ranges: [{ days: ['sat'], from: '22:00', to: '06:00' }] }
    expect(answer(nights, '2026-03-28T22:00:00Z'), 'a night of seven hours').to.deep.equal([true, '2026-03-29T04:00Z'])
    expect(answer(nights, '2026-10-24T21:00:00Z'), 'a night of nine hours').to.deep.equal([true, '2026-10-25T05:00Z'])
  })

  it('P5 time-window leaves out a window that daylight saving skips, and cuts one that it skips into', () => {
    const skipped = { timezone: 'Europe/Berlin', ranges: [{ days: ['sun'], from: '02:15', to: '02:45' }] }
    expect(answer(skipped, '2026-03-29T00:30:00Z')).to.deep.equal([false, '2026-04-05T00:15Z'])
    const cut = { timezone: 'Europe/Berlin', ranges: [{ days: ['sun'], from: '01:30', to: '02:30' }] }
    expect(answer(cut, '2026-03-29T00:30:00Z')).to.deep.equal([true, '2026-03-29T01:00Z'])
    const late = { timezone: 'Europe/Berlin', ranges: [{ days: ['sun'], from: '02:30', to: '04:00' }] }
    expect(answer(late, '2026-03-29T00:30:00Z')).to.deep.equal([false, '2026-03-29T01:00Z'])
  })

  it('P5 time-window is open both times where daylight saving repeats an hour', () => {
    const repeated = { timezone: 'Europe/Berlin', ranges: [{ days: ['sun'], from: '02:00', to: '02:30' }] }
    expect(answer(repeated, '2026-10-25T00:00:00Z')).to.deep.equal([true, '2026-10-25T00:30Z'])
    expect(answer(repeated, '2026-10-25T00:30:00Z')).to.deep.equal([false, '2026-10-25T01:00Z'])
    expect(answer(repeated, '2026-10-25T01:00:00Z')).to.deep.equal([true, '2026-10-25T01:30Z'])
    const whole = { timezone: 'Europe/Berlin', ranges: [{ days: ['sun'], from: '02:00', to: '03:00' }] }
    expect(answer(whole, '2026-10-25T00:00:00Z')).to.deep.equal([true, '2026-10-25T02:00Z'])
  })

  /** Window, question, whether it holds, until when or from when on. */
  const KNOWN: readonly [string, readonly [string, string, string], string, boolean, string][] = [
    // New York: 02:00 EST becomes 03:00 EDT on March 8; 02:00 EDT becomes 01:00 EST on November 1.
    ['America/New_York', ['sun', '02:30', '04:00'], '2026-03-08T06:30:00Z', false, '2026-03-08T07:00Z'],
    ['America/New_York', ['sun', '02:30', '04:00'], '2026-03-08T07:00:00Z', true, '2026-03-08T08:00Z'],
    ['America/New_York', ['sun', '01:30', '02:30'], '2026-03-08T06:30:00Z', true, '2026-03-08T07:00Z'],
    ['America/New_York', ['sun', '02:15', '02:45'], '2026-03-08T06:30:00Z', false, '2026-03-15T06:15Z'],
    ['America/New_York', ['sat', '22:00', '06:00'], '2026-03-08T04:00:00Z', true, '2026-03-08T10:00Z'],
    ['America/New_York', ['sat', '22:00', '06:00'], '2026-11-01T03:00:00Z', true, '2026-11-01T11:00Z'],
    ['America/New_York', ['sun', '01:00', '01:30'], '2026-11-01T05:00:00Z', true, '2026-11-01T05:30Z'],
    ['America/New_York', ['sun', '01:00', '01:30'], '2026-11-01T05:30:00Z', false, '2026-11-01T06:00Z'],
    ['America/New_York', ['sun', '01:00', '01:30'], '2026-11-01T06:00:00Z', true, '2026-11-01T06:30Z'],
    // Lord Howe: half an hour. 02:00 becomes 02:30 on October 4; 02:00 becomes 01:30 on April 5.
    ['Australia/Lord_Howe', ['sun', '02:15', '03:00'], '2026-10-03T15:00:00Z', false, '2026-10-03T15:30Z'],
    ['Australia/Lord_Howe', ['sun', '02:15', '03:00'], '2026-10-03T15:30:00Z', true, '2026-10-03T16:00Z'],
    ['Australia/Lord_Howe', ['sun', '02:00', '02:30'], '2026-10-03T15:00:00Z', false, '2026-10-10T15:00Z'],
    ['Australia/Lord_Howe', ['sun', '01:30', '02:00'], '2026-04-04T14:30:00Z', true, '2026-04-04T15:30Z'],
    ['Australia/Lord_Howe', ['sun', '01:45', '02:00'], '2026-04-04T14:45:00Z', true, '2026-04-04T15:00Z'],
    ['Australia/Lord_Howe', ['sun', '01:45', '02:00'], '2026-04-04T15:00:00Z', false, '2026-04-04T15:15Z'],
    ['Australia/Lord_Howe', ['sun', '01:45', '02:00'], '2026-04-04T15:15:00Z', true, '2026-04-04T15:30Z'],
    // Days of 23 and of 25 hours.
    ['Europe/Berlin', ['sun', '00:00', '24:00'], '2026-03-28T23:00:00Z', true, '2026-03-29T22:00Z'],
    ['Europe/Berlin', ['sun', '00:00', '24:00'], '2026-10-24T22:00:00Z', true, '2026-10-25T23:00Z'],
    // Zones that never change, at an odd offset and at none.
    ['Asia/Kathmandu', ['mon', '00:00', '01:00'], '2026-03-29T18:15:00Z', true, '2026-03-29T19:15Z'],
    ['Asia/Kathmandu', ['sun', '22:00', '02:00'], '2026-10-25T19:00:00Z', true, '2026-10-25T20:15Z'],
    ['UTC', ['sun', '02:30', '04:00'], '2026-03-29T01:00:00Z', false, '2026-03-29T02:30Z'],
  ]
  it('P5 time-window says until when, and from when on, over the changes of several zones', () => {
    for (const [timezone, [day, from, to], at, holds, change] of KNOWN) {
      const window = { timezone, ranges: [{ days: [day], from, to }] }
      expect(answer(window, at), `${timezone} ${day} ${from}-${to} at ${at}`).to.deep.equal([holds, change])
    }
  })

  it('P5 time-window merges windows that touch or overlap, also over midnight and over the end of the week', () => {
    const touching = {
      ranges: [
        { days: ['mon'], from: '09:00', to: '12:00' },
        { days: ['mon'], from: '12:00', to: '13:00' },
        { days: ['mon'], from: '12:30', to: '17:00' },
      ],
    }
    expect(answer(touching, '2026-01-05T09:00:00Z')).to.deep.equal([true, '2026-01-05T17:00Z'])
    const days = { ranges: [{ days: ['sun', 'mon'], from: '00:00', to: '24:00' }] }
    expect(answer(days, '2026-01-04T00:00:00Z')).to.deep.equal([true, '2026-01-06T00:00Z'])
    const night = { ranges: [{ days: ['sun'], from: '22:00', to: '06:00' }] }
    expect(answer(night, '2026-01-05T05:00:00Z')).to.deep.equal([true, '2026-01-05T06:00Z'])
  })

  it('P5 time-window holds without an end where the whole week is covered', () => {
    const always = { timezone: 'Europe/Berlin', ranges: [{ days: ALL, from: '05:00', to: '04:00' }] }
    always.ranges.push({ days: ALL, from: '03:30', to: '05:30' })
    expect(answer(always, '2026-03-29T00:59:00Z')).to.deep.equal([true, undefined])
  })

  it('P5 time-window agrees with a plain reading of the wall clock, minute by minute over a change', () => {
    const zones = ['Europe/Berlin', 'America/St_Johns', 'Australia/Lord_Howe', 'Pacific/Chatham', 'UTC']
    const time = fc
      .tuple(fc.integer({ min: 0, max: 23 }), fc.constantFrom(0, 15, 30, 45))
      .map(([hour, minute]) => `${String(hour).padStart(2, '0')}:${String(minute).padStart(2, '0')}`)
    const range = fc
      .record({ days: fc.uniqueArray(fc.constantFrom(...ALL), { minLength: 1 }), from: time, to: time })
      .filter(({ from, to }) => from !== to)
    const around = fc.constantFrom(
      Date.UTC(2026, 2, 29, 1),
      Date.UTC(2026, 9, 25, 1),
      Date.UTC(2026, 3, 4, 15),
      Date.UTC(2026, 9, 3, 15, 30),
      Date.UTC(2026, 10, 1, 4, 30),
    )
    const ranges = fc.array(range, { minLength: 1, maxLength: 3 })
    fc.assert(
      fc.property(fc.constantFrom(...zones), ranges, around, (timezone, hours, start) => {
        const settings = { timezone, ranges: hours }
        // When it is to change next; before, nothing may change.
        let change: number | undefined
        for (let at = start - 5 * HOUR; at < start + 5 * HOUR; at += 5 * MINUTE) {
          const verdict = ask(settings, at)
          const holds = reads(settings, at)
          expect(verdict.holds, new Date(at).toISOString()).to.equal(holds)
          const next = verdict.holds ? verdict.until : verdict.again
          if (change !== undefined && at < change) expect(next, new Date(at).toISOString()).to.equal(change)
          if (next !== undefined) expect(reads(settings, next), new Date(next).toISOString()).to.equal(!holds)
          change = next
        }
      }),
      { numRuns: 60 },
    )
  })
})

const formats = new Map<string, Intl.DateTimeFormat>()

const formatOf = (timeZone: string): Intl.DateTimeFormat => {
  const format =
    formats.get(timeZone) ??
    new Intl.DateTimeFormat('en-GB', { timeZone, weekday: 'short', hour: '2-digit', minute: '2-digit' })
  formats.set(timeZone, format)
  return format
}

/** The reference: reads the wall clock as a person would. */
const reads = ({ timezone, ranges }: Settings, at: number): boolean => {
  const format = formatOf(timezone)
  const [weekday = '', clock = ''] = format.format(at).split(/,? /)
  const today = ALL.indexOf(weekday.toLowerCase() as (typeof DAYS)[number])
  const yesterday = ALL[(today + 6) % 7] ?? 'mon'
  return ranges.some(({ days, from, to }) => {
    const begunToday = days.includes(ALL[today] ?? 'mon') && from <= clock
    return from < to ? begunToday && clock < to : begunToday || (days.includes(yesterday) && clock < to)
  })
}
