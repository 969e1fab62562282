import type { UnixTime } from '../../../../core/runtime/time.ts'

/** A time in UTC, for a browser that runs no script; `time.js` shows it in the viewer's zone. */
export const shownTime = (time: UnixTime | undefined): { iso: string; text: string } | undefined => {
  if (time === undefined) return undefined
  const iso = new Date(time).toISOString()
  return { iso, text: `${iso.slice(0, 16).replace('T', ' ')} UTC` }
}
