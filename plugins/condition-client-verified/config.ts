import { z } from 'portreeve'

export const Settings = z.strictObject({
  /** `true`: devices that an admin has vouched for. `false`: the others, for what is offered to be put right. */
  verified: z.boolean().default(true),
})
export type Settings = z.infer<typeof Settings>
