import { z } from 'zod'
import type { SignInStep } from '../../../../core/contract/identity-provider.ts'

/** Maximum size, as JSON, of the state that a provider keeps in the browser. */
const MAX_KEPT_BYTES = 2_048

const Keep = z
  .record(z.string(), z.union([z.string(), z.number(), z.boolean()]))
  .refine((keep) => JSON.stringify(keep).length <= MAX_KEPT_BYTES, 'it keeps too much')

const WebAddress = z.url({ protocol: /^https?$/, hostname: /./, error: 'it redirects to no web address' }).max(8_192)

const Field = z.object({
  name: z.string().min(1),
  label: z.string(),
  type: z.enum(['text', 'email', 'password', 'code']),
})

/** Schema of a plugin's `SignInStep`. Limits lengths to what fits a page, a column or a header. */
const Step = z.discriminatedUnion('type', [
  z.object({ type: z.literal('redirect'), url: WebAddress, keep: Keep, atSharedCallback: z.boolean().optional() }),
  z.object({
    type: z.literal('prompt'),
    prompt: z.object({
      title: z.string(),
      text: z.string(),
      problem: z.string().optional(),
      fields: z.array(Field).max(20),
      submit: z.string(),
      also: z.string().optional(),
    }),
    keep: Keep,
    keptMs: z.number().positive().optional(),
  }),
  z.object({
    type: z.literal('identified'),
    identity: z.object({
      issuer: z.string().min(1).max(512),
      subject: z.string().min(1).max(512),
      name: z.string().optional(),
      email: z.string().optional(),
      emailVerified: z.boolean(),
      emailDoubt: z.string().max(1_000).optional(),
    }),
  }),
  z.object({
    type: z.literal('refused'),
    refusal: z.object({
      code: z.string().min(1).max(100),
      publicText: z.string().max(2_000),
      detail: z.string().optional(),
      tryAgain: z.boolean(),
      providerFails: z.boolean().optional(),
    }),
  }),
])

/** Validates a plugin's answer. @throws Error that says what is wrong */
export const checkedStep = (answer: unknown): SignInStep => {
  const result = Step.safeParse(answer)
  // The validated copy, not the plugin's object, which could change afterwards.
  if (result.success) return result.data as SignInStep
  const problems = result.error.issues.map(({ path, message }) => `${path.join('.') || 'the step'}: ${message}`)
  throw new Error(`its answer is not a step of a sign-in: ${problems.join('; ')}`)
}
