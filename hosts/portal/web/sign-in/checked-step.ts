import { z } from 'zod'
import { sizeOf, STATEMENT_LIMITS } from '../../../../core/contract/identity-statements.ts'
import { catchPromises } from '../../../../core/plugin/caught-promises.ts'
import { visibleCharacters } from '../../../../core/plugin/visible-characters.ts'
import type { SignInStep, SignOutStep } from '../../../../core/contract/identity-provider.ts'

/** Maximum size, as JSON, of the state that a provider keeps in the browser. */
const MAX_KEPT_BYTES = 2_048

const Keep = z
  .record(z.string(), z.union([z.string(), z.number(), z.boolean()]))
  .refine((keep) => JSON.stringify(keep).length <= MAX_KEPT_BYTES, 'it keeps too much')

const WebAddress = z.url({ protocol: /^https?$/, hostname: /./, error: 'it redirects to no web address' }).max(8_192)

const Text = z.string().max(4_000).transform(visibleCharacters)

const Field = z.object({
  name: z.string().min(1).max(100),
  label: Text,
  type: z.enum(['text', 'email', 'password', 'code']),
})

const Groups = z.array(z.string().min(1).max(STATEMENT_LIMITS.groupCharacters)).max(STATEMENT_LIMITS.groups)
const Methods = z.array(z.string().min(1).max(STATEMENT_LIMITS.methodCharacters)).max(STATEMENT_LIMITS.methods)

const Identity = z
  .object({
    issuer: z.string().min(1).max(512),
    subject: z.string().min(1).max(512),
    name: Text.optional(),
    email: z.string().max(4_000).optional(),
    emailVerified: z.boolean(),
    emailDoubt: z.string().max(1_000).transform(visibleCharacters).optional(),
    groups: Groups.optional(),
    claims: z.record(z.string().min(1).max(200), z.json()).optional(),
    authentication: z
      .object({
        at: z.int().nonnegative().optional(),
        methods: Methods.optional(),
      })
      .optional(),
    signOutHint: z.string().min(1).max(STATEMENT_LIMITS.hintCharacters).optional(),
  })
  .refine(
    ({ groups = [], claims = {} }) => sizeOf([groups, claims]) <= STATEMENT_LIMITS.bytes,
    'its groups and claims are more than 8 KiB',
  )

/** A provider's error page may be the detail: it is cut short, not refused. */
const shortDetail = (text: string): string => visibleCharacters(text.slice(0, 4_000))

/** Schema of a plugin's `SignInStep`. Limits lengths to what fits a page, a column or a header. */
const Step = z.discriminatedUnion('type', [
  z.object({ type: z.literal('redirect'), url: WebAddress, keep: Keep, atSharedCallback: z.boolean().optional() }),
  z.object({
    type: z.literal('prompt'),
    prompt: z.object({
      title: Text,
      text: Text,
      problem: Text.optional(),
      fields: z.array(Field).max(20),
      submit: Text,
      also: Text.optional(),
    }),
    keep: Keep,
    keptMs: z.number().positive().optional(),
  }),
  z.object({
    type: z.literal('identified'),
    identity: Identity,
  }),
  z.object({
    type: z.literal('refused'),
    refusal: z.object({
      code: z.string().min(1).max(100),
      publicText: z.string().max(2_000).transform(visibleCharacters),
      detail: z.string().transform(shortDetail).optional(),
      tryAgain: z.boolean(),
      providerFails: z.boolean().optional(),
    }),
  }),
])

const SignOut = z.discriminatedUnion('type', [
  z.object({ type: z.literal('redirect'), url: WebAddress }),
  z.object({ type: z.literal('done') }),
])

/** Validates a plugin's answer. @throws Error that says what is wrong */
export const checkedStep = (answer: unknown): SignInStep => checked(Step, answer, 'a step of a sign-in') as SignInStep

/** Validates a plugin's answer to a sign-out. @throws Error that says what is wrong */
export const checkedSignOut = (answer: unknown): SignOutStep => checked(SignOut, answer, 'an answer to a sign-out')

/** Returns the validated copy of an answer, not the plugin's object, which could change afterwards. */
const checked = <T>(schema: z.ZodType<T>, answer: unknown, what: string): T => {
  catchPromises(answer)
  const result = schema.safeParse(answer)
  if (result.success) return result.data
  const problems = result.error.issues.map(({ path, message }) => `${path.join('.') || 'the step'}: ${message}`)
  throw new Error(`its answer is not ${what}: ${problems.join('; ')}`)
}
