import type { UnixTime } from './time.ts'

/**
 * Formats a time for people: `2026-11-22 18:00 UTC`, with seconds if they are not 0; `an unknown time` for a number out
 * of range.
 */
export const utcText = (time: UnixTime): string => {
  const date = new Date(time)
  if (Number.isNaN(date.getTime())) return 'an unknown time'
  const text = date.toISOString()
  return `${text.slice(0, 10)} ${text.slice(11, text.slice(17, 19) === '00' ? 16 : 19)} UTC`
}
