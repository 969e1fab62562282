import { z } from 'portreeve'

export const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const

const isZone = (name: string): boolean => {
  // An offset like +01:00 is refused: it does not follow daylight saving.
  if (!/^[A-Za-z]/.test(name)) return false
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}

const Range = z
  .strictObject({
    /** Days on which the range begins. */
    days: z.array(z.enum(DAYS)).min(1).max(7),
    /** Beginning, inclusive: `09:00`. */
    from: z.string().regex(/^(?:[01]\d|2[0-3]):[0-5]\d$/, 'write hours and minutes: 09:00'),
    /** End, exclusive: `17:00`, or `24:00` for the end of the day. If it is not after `from`, it is on the next day. */
    to: z.string().regex(/^(?:(?:[01]\d|2[0-3]):[0-5]\d|24:00)$/, 'write hours and minutes: 17:00, or 24:00'),
  })
  .refine(({ from, to }) => from !== to, 'from and to are the same: write 00:00 to 24:00 for the whole day')

export const Settings = z.strictObject({
  /** IANA time zone of the ranges: `Europe/Berlin`. */
  timezone: z.string().max(64).refine(isZone, 'not a zone of the IANA database: Europe/Berlin, UTC …').default('UTC'),
  /** Times at which access is allowed; one range suffices. */
  ranges: z.array(Range).min(1).max(100),
})
export type Settings = z.infer<typeof Settings>
