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

/** Mails to one address that one asker can cause. */
const OF_ASKER = { most: 3, withinMs: 5 * MINUTE }
/** Mails to one address that all askers together can cause from where nobody has signed in at it. */
const OF_STRANGERS = { most: 20, withinMs: HOUR }
/** How long a place is remembered from where somebody signed in. */
const FAMILIAR_MS = 90 * DAY

/** Whether a mail may be sent, or whose limit is reached. */
export type MailVerdict = 'yes' | 'asker' | 'everybody'

/**
 * Bounds the mails to an address, known or not. A limit of the asker's own, so that a stranger uses up her own and nobody else's; and one of all
 * strangers together, so that many of them fill no mailbox. Who asks from where the address's holder has signed in before is no stranger:
 * whatever others do, she gets her code.
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
  // Counted for the familiar, too, so that both cost the same; it does not stop them.
  const isWithin = await records.change(`mails/${keyOf(address)}`, (record) => counted(record, now, OF_STRANGERS))
  return isWithin || isFamiliar ? 'yes' : 'everybody'
}

/** Remembers from where an address's holder signed in. */
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

/** A key is short, however long an address is, and neither it nor a place can be read out of it at a glance. */
const keyOf = (...parts: readonly string[]): string =>
  createHash('sha256').update(JSON.stringify(parts)).digest('base64url')
