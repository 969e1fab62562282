// The words that the API's bodies are made of. Names are the wire's: snake_case; times are RFC 3339 in UTC.
import { z } from 'zod'
import { unixTime, type UnixTime } from '../../../../core/runtime/time.ts'
import { isVisible, textProblem, tidyText } from '../../text/plain-text.ts'

/** Key of a schema's metadata: the JSON Schema that stands in place of the one that follows from its checks. */
export const AS = 'x-as'

/** RFC 9562 §4: in whatever case it is sent, in lower case from here on, as rows have it. */
export const Id = z.uuid().toLowerCase().meta({ description: 'An id' })

const isText: z.core.CheckFn<string> = (context) => {
  const message = textProblem(context.value)
  if (message !== undefined && PRINTABLE.test(context.value))
    context.issues.push({ code: 'custom', message, input: context.value })
}

/** What a description can say of it, in a pattern that generators of clients understand, too. */
// oxlint-disable-next-line no-control-regex -- these are the ones that are refused
const PRINTABLE = /^[^\u0000-\u001f\u007f-\u009f]*$/

/** A text to be read by people, in NFC and without blanks at its ends. */
export const Text = (longest: number): z.ZodString =>
  z.string().overwrite(tidyText).max(longest).regex(PRINTABLE, 'has control characters').check(isText)

/** The name of something: a text with something to see in it. */
export const Name = Text(255)
  .min(1)
  .refine(isVisible, 'must not be blank')
  .meta({ examples: ['Headquarters'] })

/** A text that somebody else has chosen, compared as it came: the subject of a provider. */
export const Verbatim = (longest: number): z.ZodString =>
  z.string().min(1).max(longest).regex(PRINTABLE, 'has control characters').check(isText)
export const Time = z.iso.datetime({ offset: true })
export const Settings = z.record(z.string(), z.unknown())

export const timeOf = (time: UnixTime): string => new Date(time).toISOString()
export const timeOrNull = (time: UnixTime | null): string | null => (time === null ? null : timeOf(time))
export const unixTimeOf = (text: string): UnixTime => unixTime(Date.parse(text))

/** What all rows have. */
export const rowFields = { id: Id, created_at: Time }

/** A page of a list. */
export const pageOf = <T extends z.ZodType>(item: T) =>
  z.object({ data: z.array(item), next_cursor: z.string().nullable() })

/** A created token: shown once. */
export const CreatedToken = z.object({ id: Id, token: z.string() })

/** An object without its undefined members: what a patch leaves out stays as it is. */
export const defined = <T extends object>(value: T): Defined<T> =>
  Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as Defined<T>

export type Defined<T> = { [Key in keyof T]?: Exclude<T[Key], undefined> }
