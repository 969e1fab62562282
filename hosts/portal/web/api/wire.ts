// The words that the API's bodies are made of. Names are the wire's: snake_case; times are RFC 3339 in UTC.
import { z } from 'zod'
import { unixTime, type UnixTime } from '../../../../core/runtime/time.ts'

/** RFC 9562 §4: in whatever case it is sent, in lower case from here on, as rows have it. */
export const Id = z.uuid().toLowerCase().meta({ description: 'An id' })

// Databases differ in what they make of NUL and of half a surrogate pair.
export const Text = (longest: number): z.ZodString =>
  z
    .string()
    .max(longest)
    .regex(/^[^\p{Cc}\p{Cs}]*$/u, 'has control characters')

export const Name = Text(255).regex(/\S/, 'must not be blank')
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
