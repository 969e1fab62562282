import { z } from 'portreeve'

export const Settings = z.strictObject({
  /** `in`: the person signed in with one of `ids`. `not_in`: with another provider. */
  operator: z.enum(['in', 'not_in']).default('in'),
  /** Ids of the account's identity providers. */
  ids: z
    .array(z.uuid().transform((id) => id.toLowerCase()))
    .min(1)
    .max(100),
})
export type Settings = z.infer<typeof Settings>
