import { unixTime, type ConditionQuestion, type ConditionVerdict, type PolicyCondition, type UnixTime } from 'portreeve'
import type { Settings } from './config.ts'
import { Week } from './week.ts'
import { ZoneClock } from './zone-clock.ts'

/** Maximum of offset changes and window ends looked at; a change of the answer always comes earlier. */
const MAX_STEPS = 16

/**
 * Condition on the time of the week, by the wall clock of a time zone. An hour that daylight saving skips is in no
 * range; an hour that it repeats is in its range both times.
 */
export class TimeWindow implements PolicyCondition<Settings> {
  readonly #weeks = new WeakMap<Settings, Week>()
  /** Clocks by time zone; bounded by the number of zones in the IANA database. */
  readonly #clocks = new Map<string, ZoneClock>()

  evaluate({ settings, at }: ConditionQuestion<Settings>): ConditionVerdict {
    const week = this.#week(settings)
    const clock = this.#clock(settings.timezone)
    const holds = week.includes(clock.timeOfWeek(at))
    const change = nextChange(week, clock, at)
    if (holds) {
      const reason = `it is within the hours of ${settings.timezone}`
      return change === undefined ? { holds, reason } : { holds, reason, until: change }
    }
    const reason = `it is outside the hours of ${settings.timezone}`
    const told = `this policy allows access at other hours only, by the clock of ${settings.timezone}`
    return { holds, reason, told, ...(change === undefined ? {} : { again: change }) }
  }

  #week(settings: Settings): Week {
    const known = this.#weeks.get(settings)
    if (known !== undefined) return known
    const week = new Week(settings.ranges)
    this.#weeks.set(settings, week)
    return week
  }

  #clock(zone: string): ZoneClock {
    const known = this.#clocks.get(zone)
    if (known !== undefined) return known
    const clock = new ZoneClock(zone)
    this.#clocks.set(zone, clock)
    return clock
  }
}

/**
 * Returns the next time at which the answer changes: at the edge of a range, or when daylight saving moves the clock
 * across one.
 */
const nextChange = (week: Week, clock: ZoneClock, at: UnixTime): UnixTime | undefined => {
  const holds = week.includes(clock.timeOfWeek(at))
  let moment: number = at
  for (let step = 0; step < MAX_STEPS; step++) {
    const ahead = week.untilChange(clock.timeOfWeek(moment))
    if (ahead === undefined) return undefined
    const leap = clock.nextOffsetChange(moment, moment + ahead)
    moment = leap ?? moment + ahead
    if (week.includes(clock.timeOfWeek(moment)) !== holds) return unixTime(moment)
  }
  return unixTime(moment)
}
