import type { UnixTime } from '../../../../core/runtime/time.ts'

/** Formats a time in UTC for browsers without scripts; `time.js` converts it to the viewer's zone. */
export const shownTime = (time: UnixTime | undefined): { iso: string; text: string } | undefined => {
  if (time === undefined) return undefined
  const iso = new Date(time).toISOString()
  return { iso, text: `${iso.slice(0, 16).replace('T', ' ')} UTC` }
}
