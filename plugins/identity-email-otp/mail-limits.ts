import { createHash } from 'node:crypto'
import {
  DAY,
  HOUR,
  MINUTE,
  unixTime,
  type KeptState,
  type RecordChange,
  type SignInDesk,
  type UnixTime,
} from 'portreeve'

/** Limit on mails to one address requested from one place. */
const OF_ASKER = { most: 3, withinMs: 5 * MINUTE }
/**
 * Limit on mails to one address requested from all places together; does not apply to places where its holder has
 * signed in.
 */
const OF_STRANGERS = { most: 20, withinMs: HOUR }
/** Time for which a place is remembered after a sign-in from it. */
const FAMILIAR_MS = 90 * DAY

/** Whether a mail may be sent; if not, which limit is reached: of this `asker`, or of `everybody`. */
export type MailVerdict = 'yes' | 'asker' | 'everybody'

/**
 * Decides whether a mail may be sent to an address, known or not. One limit counts the requests from one place, so that
 * it cannot use up the limit of others; another counts those from all places, so that many together cannot flood a
 * mailbox. The second does not stop requests from a place where the address's holder has signed in before.
 */
export const mayMail = async (
  { desk, now }: { desk: SignInDesk; now: UnixTime },
  address: string,
): Promise<MailVerdict> => {
  const { records, asker } = desk
  const pair = keyOf(address, asker)
  if (!(await records.change(`asked/${pair}`, (record) => counted(record, now, OF_ASKER)))) return 'asker'
  const isFamiliar = await records.change<boolean>(`familiar/${pair}`, (record) => ({
    ...(record === undefined ? {} : { record, until: unixTime(Number(record['until'])) }),
    about: address,
    result: record !== undefined,
  }))
  // Counted for familiar places, too, so that both cases take the same time.
  const isWithin = await records.change(`mails/${keyOf(address)}`, (record) => counted(record, now, OF_STRANGERS))
  return isWithin || isFamiliar ? 'yes' : 'everybody'
}

/** Remembers the place from which an address's holder has signed in. */
export const noteFamiliar = async (
  { desk, now }: { desk: SignInDesk; now: UnixTime },
  address: string,
): Promise<void> => {
  const until = unixTime(now + FAMILIAR_MS)
  await desk.records.change(`familiar/${keyOf(address, desk.asker)}`, () => ({
    record: { until },
    until,
    about: address,
    result: undefined,
  }))
}

const counted = (
  record: KeptState | undefined,
  now: UnixTime,
  { most, withinMs }: { most: number; withinMs: number },
): RecordChange<boolean> => {
  const known = record === undefined ? [] : String(record['times']).split(',').map(Number)
  const recent = known.filter((at) => at > now - withinMs)
  const isWithin = recent.length < most
  const times = isWithin ? [...recent, now] : recent
  return { record: { times: times.join(',') }, until: unixTime(Math.max(...times) + withinMs), result: isWithin }
}

/** Hashes parts of a record's key, so that it is short and does not show addresses. */
const keyOf = (...parts: readonly string[]): string =>
  createHash('sha256').update(JSON.stringify(parts)).digest('base64url')
