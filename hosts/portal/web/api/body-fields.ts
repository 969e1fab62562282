// Schemas and conversions shared by the API's bodies. Members are snake_case; times are RFC 3339 in UTC.
import { z } from 'zod'
import { unixTime, type UnixTime } from '../../../../core/runtime/time.ts'
import { isVisible, textProblem, tidyText } from '../../text/plain-text.ts'

/** Metadata key of a schema: the JSON Schema to publish in place of the one derived from its checks. */
export const AS = 'x-as'

/** Schema of an id: a UUID in any case (RFC 9562 §4), converted to lower case as in rows. */
export const Id = z.uuid().toLowerCase().meta({ description: 'An id' })

const isText: z.core.CheckFn<string> = (context) => {
  const message = textProblem(context.value)
  if (message !== undefined && PRINTABLE.test(context.value))
    context.issues.push({ code: 'custom', message, input: context.value })
}

/** Matches texts without control characters; simple enough for generators of API clients to understand. */
// oxlint-disable-next-line no-control-regex -- these are the ones that are refused
export const PRINTABLE = /^[^\u0000-\u001f\u007f-\u009f]*$/

/** Schema of a text for people; stored in NFC, without blanks at its ends. */
export const Text = (longest: number): z.ZodString =>
  z.string().overwrite(tidyText).max(longest).regex(PRINTABLE, 'has control characters').check(isText)

/** Schema of a name: a text with a visible character. */
export const Name = Text(255)
  .min(1)
  .refine(isVisible, 'must not be blank')
  .meta({ examples: ['Headquarters'] })

/** Schema of a text chosen elsewhere and compared unchanged, such as the subject at a provider. */
export const Verbatim = (longest: number): z.ZodString =>
  z.string().min(1).max(longest).regex(PRINTABLE, 'has control characters').check(isText)
export const Time = z.iso.datetime({ offset: true })
export const Settings = z.record(z.string(), z.unknown())

export const timeOf = (time: UnixTime): string => new Date(time).toISOString()
export const timeOrNull = (time: UnixTime | null): string | null => (time === null ? null : timeOf(time))
export const unixTimeOf = (text: string): UnixTime => unixTime(Date.parse(text))

/** Members of every row. */
export const rowFields = {
  id: Id,
  created_at: Time,
  updated_at: Time.describe(
    'Time of the last change by somebody; what changes by itself, such as `last_seen_at`, does not count',
  ),
}

/** Schema of a page of a list. */
export const pageOf = <T extends z.ZodType>(item: T) =>
  z.object({
    data: z.array(item),
    next_cursor: z.string().nullable().describe('Cursor of the next page; null on the last one'),
    previous_cursor: z.string().nullable().describe('Cursor of the previous page; null on the first one'),
    before: z.int().describe('Number of rows before this page, as counted while paging: changes since are not noticed'),
    total: z.int().describe('Number of all rows that pass the filters, on all pages'),
    total_is_exact: z.boolean().describe('False if there are more rows than `total`, the most that are counted'),
  })

/** Schema of a new token, which is shown only once. */
export const CreatedToken = z.object({
  id: Id,
  token: z.string(),
  expires_at: Time.nullable().describe('Null if it is valid until revoked'),
})

/** Returns an object without its undefined members: those that a patch leaves unchanged. */
export const defined = <T extends object>(value: T): Defined<T> =>
  Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as Defined<T>

export type Defined<T> = { [Key in keyof T]?: Exclude<T[Key], undefined> }
