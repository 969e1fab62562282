import { z } from 'portreeve'

export const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const

const isZone = (name: string): boolean => {
  // An offset like +01:00 is no zone: it knows nothing of daylight saving.
  if (!/^[A-Za-z]/.test(name)) return false
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}

const Range = z
  .strictObject({
    /** The days on which the range begins. */
    days: z.array(z.enum(DAYS)).min(1).max(7),
    /** `09:00`, the first minute inside. */
    from: z.string().regex(/^(?:[01]\d|2[0-3]):[0-5]\d$/, 'write hours and minutes: 09:00'),
    /** `17:00`, the first minute outside; `24:00` is the end of the day; not after `from`: on the next day. */
    to: z.string().regex(/^(?:(?:[01]\d|2[0-3]):[0-5]\d|24:00)$/, 'write hours and minutes: 17:00, or 24:00'),
  })
  .refine(({ from, to }) => from !== to, 'from and to are the same: write 00:00 to 24:00 for the whole day')

export const Settings = z.strictObject({
  /** The IANA zone whose wall clock counts: `Europe/Berlin`. */
  timezone: z.string().max(64).refine(isZone, 'not a zone of the IANA database: Europe/Berlin, UTC …').default('UTC'),
  /** When access is allowed; within any of them suffices. */
  ranges: z.array(Range).min(1).max(100),
})
export type Settings = z.infer<typeof Settings>
