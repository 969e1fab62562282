import { z } from 'portreeve'

export const Settings = z.strictObject({
  /**
   * `true`: holds for verified devices. `false`: holds for all others, such as for a resource that helps to get
   * verified.
   */
  verified: z.boolean().default(true),
})
export type Settings = z.infer<typeof Settings>
